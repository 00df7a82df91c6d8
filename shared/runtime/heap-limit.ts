/** Without a limit V8 lets garbage grow with the machine's memory; an agent's heap needs a fraction of this. */
const HEAP_ARGUMENTS = ['--max-old-space-size=160', '--max-semi-space-size=8', '--expose-gc']

/** V8 lets garbage of a quiet process lie for hours; results of the engine, small to V8, hold memory it does not see. */
export const COLLECT_EVERY_MS = 60_000

/**
 * The C library gives each of the engine's threads an arena, and what is free in one is of no use to another; and once a
 * large block was freed it takes the next ones from its heap, where small ones that live longer keep them from the system.
 */
const NATIVE_MEMORY = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' }

/** Gives back in good time what is not used any more: that flavor moves what is used together, so that pages become free. */
export function collectGarbage(): void {
  const { gc } = globalThis
  if (gc === undefined) return
  setInterval(() => void gc({ type: 'major', flavor: 'last-resort', execution: 'async' }), COLLECT_EVERY_MS).unref()
}

/**
 * Gives this process a heap of bounded size, by starting it over in place: same pid, same arguments. Returns where that
 * was done already, where whoever started the process has set a size, and on systems that cannot (Windows).
 */
export function limitHeap(): void {
  const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ')
  if (given.includes('--max-old-space-size') || process.execve === undefined) return
  process.execve(process.execPath, [process.execPath, ...HEAP_ARGUMENTS, ...process.execArgv, ...process.argv.slice(1)], {
    ...NATIVE_MEMORY,
    ...process.env,
  })
}
