/** Names the folder for what the processes measure that tests on real servers start; without it nothing is measured. */
export const PROCESS_COVERAGE = 'ASSAY_PROCESS_COVERAGE'
