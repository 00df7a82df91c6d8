/** A share as a percentage, rounded down: what is not whole must not look whole. `99.9916 %`, and `–` of nothing. */
export function shareText(share: number | null): string {
  if (share === null) return '–'
  // Ten digits: 0.9999 * 1e6 must not fall below 999900.
  return `${(Math.floor(Number((share * 1e6).toPrecision(10))) / 1e4).toFixed(4)} %`
}
