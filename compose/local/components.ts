/** What the local stack downloads: each component is one folder in the cache, named `<name>-<version>`. */
export type ComponentName =
  | 'kafka'
  | 'connect-iceberg-sink'
  | 'connect-avro-converter'
  | 'iceberg-rest-catalog'
  | 's3proxy'
  | 'apicurio-registry'
  | 'duckdb-extensions'

export type Source =
  /** All runtime dependencies of `poms/<component>.xml`. */
  | { kind: 'maven-pom' }
  /** One artifact, `group:artifact:version:type:classifier`. */
  | { kind: 'maven-artifact'; coordinates: string; unpack: boolean }
  /** Wheels of PyPI; the files ending in `keepSuffix` are taken out of them. */
  | { kind: 'wheels'; packages: readonly string[]; keepSuffix: string }

export interface Component {
  name: ComponentName
  version: string
  source: Source
  /** Files written into the folder after the download, beside what was downloaded: an absolute necessity of the component. */
  serviceProvider?: { jarName: string; interfaceName: string; className: string }
}

const DUCKDB_VERSION = '1.5.5'

export const COMPONENTS: readonly Component[] = [
  { name: 'kafka', version: '4.3.1', source: { kind: 'maven-pom' } },
  { name: 'connect-iceberg-sink', version: '1.12.0', source: { kind: 'maven-pom' } },
  {
    name: 'connect-avro-converter',
    version: '2.6.13',
    source: { kind: 'maven-pom' },
    // The converter's own jar lacks the entry by which Connect's fast `service_load` discovery finds it.
    serviceProvider: {
      jarName: 'assay-avro-converter-provider.jar',
      interfaceName: 'org.apache.kafka.connect.storage.Converter',
      className: 'io.apicurio.registry.utils.converter.AvroConverter',
    },
  },
  { name: 'iceberg-rest-catalog', version: '1.11.0', source: { kind: 'maven-pom' } },
  {
    name: 's3proxy',
    version: '4.1.0',
    source: { kind: 'maven-artifact', coordinates: 'org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies', unpack: false },
  },
  {
    name: 'apicurio-registry',
    version: '3.0.9',
    source: { kind: 'maven-artifact', coordinates: 'io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all', unpack: true },
  },
  {
    name: 'duckdb-extensions',
    version: DUCKDB_VERSION,
    source: {
      kind: 'wheels',
      packages: ['iceberg', 'avro', 'httpfs'].map((extension) => `duckdb-extension-${extension}==${DUCKDB_VERSION}`),
      keepSuffix: '.duckdb_extension',
    },
  },
]

export function folderName(component: Component): string {
  return `${component.name}-${component.version}`
}

/** What of the machine each kind of source needs, so that a missing tool is named before a download starts. */
export function toolsFor(source: Source): readonly ('mvn' | 'tar' | 'python3' | 'pip')[] {
  switch (source.kind) {
    case 'maven-pom':
      return ['mvn']
    case 'maven-artifact':
      return source.unpack ? ['mvn', 'tar'] : ['mvn']
    case 'wheels':
      return ['python3', 'pip']
  }
}

/** What reports say of the local pipeline. */
export const pipelineVersions = COMPONENTS.filter(({ name }) => name !== 'duckdb-extensions')
  .map(({ name, version }) => `${name} ${version}`)
  .join(', ')
