/** @typedef {import('../views.ts').PageEvents} PageEvents */

/** A stream that is silent for so long is dead, whatever the browser thinks; beats come every 5 s. */
const SILENT_AFTER_MS = 16_000
const AGAIN_AFTER_MS = 2_000

/**
 * Listens to the reporter for ever: when the stream breaks, it is opened again and begins with all that there is.
 * @param {string} wish a run id, or `latest`
 * @param {{ onEvent: <Name extends keyof PageEvents>(name: Name, data: PageEvents[Name]) => void, onLink: (state: 'live' | 'lost') => void }} hear
 */
export function listen(wish, { onEvent, onLink }) {
  let heardAtMs = performance.now()
  /** @type {EventSource | null} */
  let source = null
  /** @type {(keyof PageEvents)[]} */
  const names = ['page', 'agents', 'requests', 'row', 'run', 'violations', 'beat']

  const open = () => {
    source?.close()
    heardAtMs = performance.now()
    const opened = new EventSource(`/events?run=${wish}`)
    source = opened
    for (const name of names) {
      opened.addEventListener(name, (event) => {
        heardAtMs = performance.now()
        onLink('live')
        onEvent(name, JSON.parse(event.data))
      })
    }
    opened.addEventListener('error', () => {
      onLink('lost')
      // One that was refused does not come back by itself.
      if (opened.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_AFTER_MS)
    })
  }
  open()
  setInterval(() => {
    if (performance.now() - heardAtMs > SILENT_AFTER_MS) {
      onLink('lost')
      open()
    }
  }, AGAIN_AFTER_MS)
}
