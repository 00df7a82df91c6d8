/** From this place on, in the order of intended sends, canaries are meant to be sent so much later than planned. */
export interface SendShift {
  readonly placeFirst: number
  readonly shiftMs: number
}

/** In order of place, whatever the order of the facts; one that is in force already changes nothing. */
export function foldShift(shifts: SendShift[], { placeFirst, shiftMs }: SendShift): void {
  const before = shifts.findLastIndex((shift) => shift.placeFirst <= placeFirst)
  if ((shifts[before]?.shiftMs ?? 0) !== shiftMs) shifts.splice(before + 1, 0, { placeFirst, shiftMs })
}
