/** `if-found`: where there is a `nats-server`; nothing is downloaded for it. `always`: Debian's, where there is none. */
export type NatsWish = 'never' | 'if-found' | 'always'

/** From the flags `--nats` and `--no-nats`; undefined where they contradict each other. */
export function natsWishOf({ nats, noNats }: { nats: boolean; noNats: boolean }): NatsWish | undefined {
  if (nats && noNats) return undefined
  if (nats) return 'always'
  return noNats ? 'never' : 'if-found'
}
