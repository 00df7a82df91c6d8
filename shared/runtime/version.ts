import packageJson from '../../package.json' with { type: 'json' }

export const ASSAY_VERSION = packageJson.version
