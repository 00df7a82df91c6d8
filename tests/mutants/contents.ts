import { at, type Mutant } from './mutant.ts'

const content = at('shared/core/content.ts')
const contract = at('agents/ingestion-checker/contract-check.ts')

/** Mistakes in the word for what is wrong with a value, and in what a contract says of it. */
export const contentMutants: readonly Mutant[] = [
  content('zones differ by whole hours', 'const QUARTER_SECONDS = 900n', 'const QUARTER_SECONDS = 3_600n'),
  content('any whole quarters of an hour are a zone', ' && magnitude <= ZONE_QUARTERS_MAX * quarter', ''),
  content(
    'the same moment in another zone is another value',
    'if (isZoneShift(shift, MILLION) || isZoneShift(local, MILLION))',
    'if (isZoneShift(shift, MILLION))',
  ),
  content('moments before 1970 are in no other unit', ' || found === floorTo(wanted, unit) / unit)', ')'),
  content('ten times as much is another unit', 'const SCALE_MIN = 2', 'const SCALE_MIN = 1'),
  content('a number in a smaller unit is another value', 'if (found === wanted * factor || wanted', 'if (wanted'),
  content(
    'digits beyond the unit that was expected are none',
    " && type.kind === 'timestamp-micros' && BigInt(text) % MICROS_PER_MILLI === 0n)",
    " && type.kind === 'timestamp-micros')",
  ),
  content('ligatures that were taken apart are other letters', " || expected.normalize('NFKC') === actual.normalize('NFKC')", ''),
  content('an empty map is no empty value', "text === '' || text === '{}'", "text === ''"),
  content(
    'null for any value is null for an empty one',
    "return isEmpty(expected ?? actual) ? 'null-versus-empty' : 'value'",
    "return 'null-versus-empty'",
  ),
  content(
    'a symbol in small letters is some other text',
    "case 'enum':\n      return 'enum'",
    "case 'enum':\n      return textWord(expected, actual)",
  ),
  contract(
    'what nobody can expect is held to nothing',
    'if (wanted !== undefined && !term.holds(wanted))',
    'if (wanted === undefined || !term.holds(wanted))',
  ),
  contract('numbers are in the order of their text', 'return whole(a) <= whole(b)', 'return left <= right'),
  contract(
    'a bound without a fraction cuts none',
    'const scale = Math.max(a[3]?.length ?? 0, b[3]?.length ?? 0)',
    'const scale = a[3]?.length ?? 0',
  ),
  contract('a canary that comes twice shares its key with itself', 'return holder === id ? null : holder', 'return holder'),
  contract('nulls are a key that two records share', 'texts.every((text) => text != null)', 'texts.every((text) => text !== undefined)'),
  contract('keys that were produced alike accuse', 'if (expectedClash !== null) {', 'if (expectedClash === undefined) {'),
]
