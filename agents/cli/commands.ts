import type { Command } from './command.ts'

/** Every subcommand, each loaded only when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand,
  verdict: async () => (await import('./verdict.ts')).verdictCommand,
  watch: async () => (await import('./watch.ts')).watchCommand,
  validate: async () => (await import('./validate.ts')).validateCommand,
  topics: async () => (await import('./topics.ts')).topicsCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  agent: async () => (await import('./agent.ts')).agentCommand,
}
