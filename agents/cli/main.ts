#!/usr/bin/env node
import { runAssay } from './dispatch.ts'
import { processTerminal } from './terminal.ts'

/** What is still open by then (a connection that does not close) is not worth waiting for. */
const LINGER_MS = 3_000

const code = await runAssay(process.argv.slice(2), processTerminal())
// Not `process.exit` at once: output to a pipe would be cut off.
if (code !== null) {
  process.exitCode = code
  setTimeout(() => process.exit(), LINGER_MS).unref()
}
