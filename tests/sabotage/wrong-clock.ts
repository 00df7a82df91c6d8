import { createClock } from '../../shared/runtime/clock.ts'

/** Loaded before an agent: where it is the one that is meant, all its clocks are off by so much, as those of a machine that was set wrong. */
const { WRONG_CLOCK_AGENT: agent = '', WRONG_CLOCK_MS: offText = '0' } = process.env
const offMs = process.argv.includes(agent) ? Number(offText) : 0
const { nowMs } = createClock()

Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + offMs })
globalThis.Date = new Proxy(Date, {
  construct: (of, args: readonly unknown[], target) => Reflect.construct(of, args.length === 0 ? [nowMs()] : args, target) as Date,
  get: (of, name, receiver): unknown => (name === 'now' ? nowMs : Reflect.get(of, name, receiver)),
})
