/** Defects one can plant, and the hop at which each shows first. */
export const plantedDefects = {
  'skip-raw': { violation: 'lost', hop: 'raw' },
  'garble-raw': { violation: 'schema-violated', hop: 'raw' },
  skip: { violation: 'lost', hop: 'normalised' },
  garble: { violation: 'schema-violated', hop: 'normalised' },
  entomb: { violation: 'lost', hop: 'normalised' },
  double: { violation: 'duplicated', hop: 'normalised' },
  change: { violation: 'corrupted', hop: 'normalised' },
  'cut-decimals': { violation: 'precision-lost', hop: 'normalised' },
  'drop-headers': { violation: 'header-lost', hop: 'normalised' },
  reorder: { violation: 'reordered', hop: 'normalised' },
  delay: { violation: 'late', hop: 'normalised' },
  'resurrect-failed': { violation: 'unexpected', hop: 'raw' },
  'sink-skip': { violation: 'lost', hop: 'table' },
  'sink-double': { violation: 'duplicated', hop: 'table' },
  'sink-double-later': { violation: 'duplicated', hop: 'table' },
  'sink-change': { violation: 'corrupted', hop: 'table' },
  'sink-breaks-rule': { violation: 'rule-broken', hop: 'table' },
  'overwrite-loses': { violation: 'lost', hop: 'table' },
  'compaction-doubles': { violation: 'duplicated', hop: 'table' },
  'api-miscount': { violation: 'wrong-answer', hop: 'api' },
} as const
/** What the gateway of a source does wrong; it shows at the topic behind. */
export const gatewayDefects = {
  'gateway-skip': { violation: 'lost', hop: 'raw' },
  'gateway-double': { violation: 'duplicated', hop: 'raw' },
  'gateway-change': { violation: 'corrupted', hop: 'raw' },
  'gateway-drop-headers': { violation: 'header-lost', hop: 'raw' },
} as const
export type PlantedDefect = keyof typeof plantedDefects | keyof typeof gatewayDefects
