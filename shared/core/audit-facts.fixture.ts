/** As a plan has it that compares all traffic. */
export const auditStages = [
  { stage: 'audit-tables', task: 'audit-tables', timeoutMs: 50_000 },
  { stage: 'audit-topics', task: 'audit-topics', needsStarted: ['audit-tables'], windowOffsets: 100, timeoutMs: 50_000 },
]

/** What facts of an audit say where a story does not care. */
export const plainAuditFacts = (hop: string) => ({
  'audit-scoped': { hop, columns: [{ name: 'symbol', type: 'string' }], snapshotId: '1' },
  'audit-due': { hop, topic: 'clean', windows: [{ partition: 0, offsetFirst: 0, offsetLast: 39 }], isLast: true },
  'audit-window': {
    hop,
    side: 'topic',
    partition: 0,
    offsetFirst: 0,
    offsetLast: 39,
    round: 0,
    step: 1,
    prints: [],
    fields: [{ field: 'symbol', as: 'text' }],
    lastRecord: null,
    leftOut: 0,
    snapshotId: null,
    gone: null,
  },
  'audit-reopened': { hop, windows: [{ partition: 0, offsetFirst: 0, offsetLast: 39, round: 1 }], snapshotId: '2' },
  'audit-times': {
    hop,
    side: 'topic',
    topic: 'clean',
    windowMs: 60_000,
    windows: [],
    unit: null,
    ends: [],
    grew: false,
    unreadable: 0,
    timeless: 0,
    leftOut: 0,
    snapshotId: null,
    gone: null,
  },
  'audit-records': { hop, side: 'topic', partition: 0, round: 0, offsets: [0], fields: [], records: [], snapshotId: null, gone: null },
})
