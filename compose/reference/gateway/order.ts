/**
 * Which deliveries of a consumer may be written on. The consumer is made anew for each session, so that its deliveries
 * are numbered from 1 and its messages come in the order of the stream.
 */
export type Order = { deliveries: number; taken: number }

export type Delivery = { deliverySequence: number; streamSequence: number }

/** `first` is the stream sequence the session begins at. */
export const beginOrder = (first: number): Order => ({ deliveries: 0, taken: first - 1 })

/**
 * `take`: the next of the stream. `known`: delivered again while it still waits. `gap`: a delivery before this one was
 * lost on its way and would come again behind it: the session has to begin again, for order's sake.
 */
export function placeDelivery(order: Order, { deliverySequence, streamSequence }: Delivery): 'take' | 'known' | 'gap' {
  if (deliverySequence !== order.deliveries + 1) return 'gap'
  order.deliveries = deliverySequence
  if (streamSequence <= order.taken) return 'known'
  order.taken = streamSequence
  return 'take'
}
