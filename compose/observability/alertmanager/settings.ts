const RECEIVER = 'team'
const WATCHDOG_RECEIVER = 'watchdog'

export interface AlertmanagerWish {
  /** Gets every alert, and told when it is over; left out, nobody does. */
  readonly webhook?: string
  /** Gets the watchdog every minute, and calls when it stops; left out, nobody does. */
  readonly watchdog?: string
}

const receiver = (name: string, url: string | undefined, sendResolved: boolean) => ({
  name,
  ...(url === undefined ? {} : { webhook_configs: [{ url, send_resolved: sendResolved }] }),
})

const named = (...names: readonly string[]) => [`alertname=~"${names.join('|')}"`]

/** alertmanager.yml: one message for an alert and hop, soon; nothing twice that an alert beside it says better. */
export const alertmanagerSettings = ({ webhook, watchdog }: AlertmanagerWish = {}) => ({
  route: {
    receiver: RECEIVER,
    group_by: ['alertname', 'hop'],
    group_wait: '5s',
    group_interval: '15s',
    repeat_interval: '4h',
    routes: [
      { matchers: named('AssayWatchdog'), receiver: WATCHDOG_RECEIVER, group_wait: '0s', group_interval: '30s', repeat_interval: '1m' },
    ],
  },
  inhibit_rules: [
    // The reporter's own alert names run and report.
    { source_matchers: named('AssayRunFailed'), target_matchers: named('AssayLastRunFailed') },
    {
      source_matchers: named('AssayFidelityBurnsFast'),
      target_matchers: named('AssayFidelityBurnsSlowly', 'AssayFidelityErodes'),
      equal: ['hop'],
    },
    { source_matchers: named('AssayFidelityBurnsSlowly'), target_matchers: named('AssayFidelityErodes'), equal: ['hop'] },
    { source_matchers: named('AssayAgentDown'), target_matchers: named('AssayAgentSilent'), equal: ['agent'] },
  ],
  receivers: [receiver(RECEIVER, webhook, true), receiver(WATCHDOG_RECEIVER, watchdog, false)],
})
