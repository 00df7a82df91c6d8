import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allowedId, passageOf, shownOf } from '../../compose/docker/runtime/gate-rules.ts'

describe('the gate to the engine', () => {
  test.each([
    ['GET', '/_ping', { kind: 'ping' }],
    ['GET', '/containers/assay-connect-1/json', { kind: 'inspect', container: 'assay-connect-1' }],
    ['GET', '/containers/abc/stats?stream=false&one-shot=true', { kind: 'measure', container: 'abc' }],
    ['POST', '/containers/abc/pause', { kind: 'act', container: 'abc', action: 'pause', query: '' }],
    ['POST', '/containers/abc/unpause', { kind: 'act', container: 'abc', action: 'unpause', query: '' }],
    ['POST', '/containers/abc/kill?signal=SIGKILL', { kind: 'act', container: 'abc', action: 'kill', query: '?signal=SIGKILL' }],
    ['POST', '/containers/abc/restart?t=5', { kind: 'act', container: 'abc', action: 'restart', query: '?t=5' }],
  ])('%s %s passes', (method, url, passage) => {
    expect(passageOf(method, url)).toEqual(passage)
  })

  test.each([
    ['GET', '/containers/json'],
    ['GET', '/info'],
    ['POST', '/containers/create'],
    ['POST', '/containers/abc/exec'],
    ['POST', '/containers/abc/stop'],
    ['GET', '/containers/abc/pause'],
    ['POST', '/containers/abc/json'],
    ['DELETE', '/containers/abc'],
    ['POST', '/containers/../images/prune/pause'],
    ['POST', '/containers/%2e%2e/pause'],
    ['POST', '/v1.41/containers/abc/pause'],
    ['POST', '/containers/abc/pause?x=1'],
    ['POST', '/containers/abc/kill?signal=9&x=/'],
    ['GET', '/containers/abc/json?size=1'],
    ['GET', '/containers/abc/stats'],
    ['GET', '/containers/abc/stats?stream=true&one-shot=true'],
    ['GET', '/containers/abc/stats?stream=false'],
    ['GET', '/containers/abc/stats?stream=false&one-shot=true&x=1'],
    ['POST', '/containers/abc/stats?stream=false&one-shot=true'],
    ['GET', '/containers/stats?stream=false&one-shot=true'],
    ['GET', '/containers/../info/stats?stream=false&one-shot=true'],
    ['GET', '/containers/abc/top?stream=false&one-shot=true'],
    ['GET', '/_ping?x'],
  ])('%s %s does not', (method, url) => {
    expect(passageOf(method, url).kind).toBe('refuse')
  })

  test('lets nothing through that names more than one container', () => {
    const urls = fc.oneof(
      fc.webPath(),
      fc.string(),
      fc.string().map((name) => `/containers/${name}/pause`),
      fc.string().map((name) => `/containers/${name}/stats?stream=false&one-shot=true`),
    )
    fc.assert(
      fc.property(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD'), urls, (method, url) => {
        const passage = passageOf(method, url)
        if ('container' in passage) expect(passage.container).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)
      }),
    )
  })

  const id = 'a'.repeat(64)
  test.each([
    { found: { Id: id, Config: { Labels: { 'assay.chaos': 'allowed' } } }, expected: id },
    { found: { Id: id, Config: { Labels: { 'assay.chaos': 'no' } } }, expected: null },
    { found: { Id: id, Config: { Labels: {} } }, expected: null },
    { found: { Id: id, Config: { Labels: null } }, expected: null },
    { found: { Id: `${id}/..`, Config: { Labels: { 'assay.chaos': 'allowed' } } }, expected: null },
    { found: null, expected: null },
  ])('acts on $found as $expected', ({ found, expected }) => {
    expect(allowedId(found)).toBe(expected)
  })

  test('shows no environment of a container', () => {
    expect(shownOf({ Id: id, Name: '/x', State: { Paused: false }, Config: { Env: ['SECRET=x'] } })).toEqual({
      Id: id,
      Name: '/x',
      State: { Paused: false },
    })
  })
})
