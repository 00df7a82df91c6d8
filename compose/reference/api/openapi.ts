const decimal = { type: 'string', pattern: '^-?\\d+\\.\\d+$' }
const micros = { type: 'string', pattern: '^-?\\d+$', description: 'Epoch microseconds' }
const snapshotId = { type: 'string', pattern: '^\\d+$', description: 'The Iceberg snapshot this answer was read at; 63 bits' }
const heldSince = {
  type: 'string',
  pattern: '^\\d+$',
  description: 'Epoch milliseconds: records that Kafka got earlier are in no answer, though the table may have them',
}
const tradeFields = {
  tradeId: { type: 'string' },
  symbol: { type: 'string' },
  venue: { enum: ['XNAS', 'XNYS', 'XLON', 'XTST'] },
  side: { enum: ['BUY', 'SELL'] },
  price: decimal,
  quantity: decimal,
  notional: decimal,
  tradedAtMicros: micros,
  note: { type: ['string', 'null'] },
  attributes: { type: 'object', additionalProperties: { type: 'string' } },
}

function object(properties: Record<string, unknown>) {
  return { type: 'object', required: Object.keys(properties), properties }
}

function parameter(where: 'path' | 'query', name: string, schema: object) {
  return { name, in: where, required: where === 'path' || !('default' in schema), schema }
}

function answers(schema: object, missing?: string) {
  const error = (description: string) => ({
    description,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  })
  return {
    200: {
      description: 'The answer, and in x-snapshot-id the snapshot it was read at',
      headers: { 'x-snapshot-id': { schema: snapshotId }, 'x-rows-held-since': { schema: heldSince } },
      content: { 'application/json': { schema } },
    },
    400: error('A parameter is wrong'),
    401: error('x-api-key is missing or wrong'),
    ...(missing !== undefined && { 404: error(missing) }),
    503: error('The table cannot be read now'),
  }
}

const symbol = parameter('path', 'symbol', { type: 'string', minLength: 1, maxLength: 64 })

export const openApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Market trades',
    version: '1.0.0',
    description: 'Queries on the latest rows of the table market.trades (x-rows-held-since), each answered at one named snapshot.',
  },
  security: [{ apiKey: [] }],
  paths: {
    '/trades/{tradeId}': {
      get: {
        operationId: 'tradeById',
        parameters: [parameter('path', 'tradeId', { type: 'string', minLength: 1, maxLength: 200 })],
        responses: answers({ $ref: '#/components/schemas/Trade' }, 'The snapshot holds no such trade'),
      },
    },
    '/symbols/{symbol}/trades': {
      get: {
        operationId: 'latestTrades',
        parameters: [symbol, parameter('query', 'limit', { type: 'integer', minimum: 1, maximum: 1000, default: 20 })],
        responses: answers({ $ref: '#/components/schemas/LatestTrades' }),
      },
    },
    '/symbols/{symbol}/stats': {
      get: {
        operationId: 'windowStats',
        parameters: [symbol, parameter('query', 'from', micros), parameter('query', 'to', micros)],
        responses: answers({ $ref: '#/components/schemas/Stats' }),
      },
    },
    '/health': {
      get: {
        operationId: 'health',
        security: [],
        responses: { 200: { description: 'Queries are answered' }, 503: { description: 'They are not' } },
      },
    },
    '/metrics': { get: { operationId: 'metrics', security: [], responses: { 200: { description: 'Prometheus text format' } } } },
  },
  components: {
    securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
    schemas: {
      Trade: object({ ...tradeFields, snapshotId }),
      LatestTrades: object({ symbol: { type: 'string' }, trades: { type: 'array', items: object(tradeFields) }, snapshotId }),
      Stats: object({
        symbol: { type: 'string' },
        count: { type: 'integer' },
        vwap: { type: ['string', 'null'], description: 'notional / quantity, rounded half up to 10 decimals; null without quantity' },
        notional: decimal,
        quantity: decimal,
        snapshotId,
      }),
      Error: object({ error: object({ code: { type: 'string' }, message: { type: 'string' } }) }),
    },
  },
} as const
