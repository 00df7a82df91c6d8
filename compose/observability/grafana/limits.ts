/** What panels colour by: the limits that Assay is held to, each with the step before it. Seconds, bytes, ratios. */
export const FIDELITY_SLO = 0.9999
export const API_P95_SECONDS = 0.05
export const QUERY_P95_SECONDS = 0.1
export const AGENT_BYTES = 300_000_000
export const HEARTBEAT_SECONDS = 15
export const RECOVERY_SECONDS = 30
/** A burn of 1 spends the whole budget of the SLO's 30 days in 30 days; 14.4 spends 2 % of it in an hour. */
export const BURN = { slow: 1, fast: 14.4 } as const
