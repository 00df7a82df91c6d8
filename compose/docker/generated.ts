import { log4jProperties, renderProperties } from '../local/configuration.ts'
import { composeFile } from './compose-file.ts'
import { topologyFile } from './topology-file.ts'
import { workerFile } from './worker-file.ts'

/** Every file here that is made from data, by path from the top of the repository. */
export const composeFiles: Readonly<Record<string, () => string>> = {
  'compose/compose.yaml': composeFile,
  'compose/docker/topology.yaml': topologyFile,
  'compose/docker/images/connect.properties': workerFile,
  'compose/docker/images/log4j2.properties': () => renderProperties(log4jProperties()),
}
