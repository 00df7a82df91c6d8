/**
 * Raised whenever a message changes shape; readers accept the version before.
 *
 * 1: the first contract.
 */
export const SCHEMA_VERSION = 1
