/** Written by scripts/codegen.ts from packages/redis-live/lua. Do not edit. */
import * as Script from "./Script.ts"

/** What the server calls now: asked of it, or given by a world. Returns the time in ms, the run id, the name of the key, what was to be echoed, how many more. Cost: O(1) */
export const probeTime = Script.make({
  name: "Probe/time",
  adds: false,
  sha: "1ca548fe54847b288a084a63f8cb5114b7ec5a1c",
  keys: ["any"],
  args: ["now", "run", "echo"],
  variadic: "more",
  commands: ["TIME", "INFO"],
  source: `#!lua flags=allow-oom
-- What the server calls now: asked of it, or given by a world.
-- KEYS[1] any  routes the call, is not read
-- ARGV[1] now  reserved
-- ARGV[2] run  reserved
-- ARGV[3] echo  comes back as it is
-- ARGV[4...] more  counted
-- RETURNS the time in ms, the run id, the name of the key, what was to be echoed, how many more.
-- COST O(1)
-- COMMANDS TIME, INFO
local now, run = ARGV[1], ARGV[2]
if now == '' then
  local time = redis.call('TIME')
  now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
if run == '' then
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
return { now, run, KEYS[1], ARGV[3], #ARGV - 3 }
`
})

/** Appends messages to a channel's log in order and pushes the new ones as one frame. Returns {format} of newer data, else {"", epoch, first sequence, index, epoch, sequence of each duplicate, ...} Cost: O(entries) */
export const pubsubAppend = Script.make({
  name: "PubSub/append",
  adds: true,
  sha: "300b8428739f0ac74cb9fca06d731ee50794eeda",
  keys: ["log", "meta", "channel"],
  args: ["now", "run", "fresh", "size", "ttl", "publisher"],
  variadic: "entries",
  commands: ["INFO", "TIME", "HMGET", "HSET", "HDEL", "XADD", "XLEN", "XRANGE", "XTRIM", "PEXPIRE", "SPUBLISH"],
  source: `#!lua
-- Appends messages to a channel's log in order and pushes the new ones as one frame.
-- KEYS[1] log       stream: <sequence>-0 -> h "<epoch> <at> <publisher>", d payload, k dedupe key
-- KEYS[2] meta      hash: format, epoch, run, sequence, at, past "<epoch>:<end> ...", keys count, =<dedupe key> sequence
-- KEYS[3] channel   shard channel of the frames
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] size      entries kept
-- ARGV[5] ttl       ms an entry is kept
-- ARGV[6] publisher percent-encoded
-- ARGV[7...] entries payload, dedupe key (empty: none), payload, ...
-- RETURNS {format} of newer data, else {"", epoch, first sequence, index, epoch, sequence of each duplicate, ...}
-- COST O(entries)
-- COMMANDS INFO, TIME, HMGET, HSET, HDEL, XADD, XLEN, XRANGE, XTRIM, PEXPIRE, SPUBLISH
local log, meta, physical = KEYS[1], KEYS[2], ARGV[1] == ''
local now, run, size, ttl = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
if physical then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = redis.call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'keys')
if m[1] and m[1] ~= '1' then return { m[1] } end
local epoch, sequence, past = m[2], tonumber(m[4] or 0), m[6] or ''
if m[3] ~= run then
  if epoch then
    past = past .. epoch .. ':' .. m[4] .. ' '
    if select(2, string.gsub(past, ' ', '')) > 8 then past = string.match(past, ' (.*)') end
  end
  epoch = ARGV[3]
end
local at, first, keys = math.max(now, tonumber(m[5] or 0)), sequence + 1, tonumber(m[7] or 0)
local head, payloads, reply = string.format('%s %.0f %s', epoch, at, ARGV[6]), {}, { '', epoch, string.format('%.0f', first) }
for i = 7, #ARGV, 2 do
  local key, known = ARGV[i + 1], nil
  if key ~= '' and keys > 0 then
    local seq = redis.call('HMGET', meta, '=' .. key)[1]
    local entry = seq and tonumber(seq) > sequence - size and redis.call('XRANGE', log, seq .. '-0', seq .. '-0')[1]
    local e, t = string.match(entry and entry[2][2] or '', '^(%S+) (%d+)')
    if e and tonumber(t) > at - ttl then known = { (i - 7) / 2, e, seq } end
  end
  if known then
    for _, v in ipairs(known) do reply[#reply + 1] = v end
  else
    sequence = sequence + 1
    local id = string.format('%.0f', sequence)
    payloads[#payloads + 1] = ARGV[i]
    if key == '' then redis.call('XADD', log, id .. '-0', 'h', head, 'd', ARGV[i])
    else
      redis.call('XADD', log, id .. '-0', 'h', head, 'd', ARGV[i], 'k', key)
      keys = keys + redis.call('HSET', meta, '=' .. key, id)
    end
  end
end
local excess = redis.call('XLEN', log) - size
if excess > 0 and keys > 0 then
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', math.min(excess, 512))) do
    local key, id = entry[2][6], string.match(entry[1], '%d+')
    if key and redis.call('HMGET', meta, '=' .. key)[1] == id then keys = keys - redis.call('HDEL', meta, '=' .. key) end
  end
end
redis.call('XTRIM', log, 'MAXLEN', size)
redis.call('HSET', meta, 'format', '1', 'epoch', epoch, 'run', run, 'sequence', string.format('%.0f', sequence),
  'at', string.format('%.0f', #payloads > 0 and at or tonumber(m[5] or 0)), 'past', past, 'keys', keys)
if physical then redis.call('PEXPIRE', log, ttl + 1000) redis.call('PEXPIRE', meta, ttl + 86400000) end
if #payloads > 0 then
  local frame = string.format('1 %s %.0f %.0f %s\\n', epoch, first, at, ARGV[6])
  redis.call('SPUBLISH', KEYS[3], frame .. table.concat(payloads, '\\n'))
end
return reply
`
})

/** Reads a page of a channel's log from a place on, and says what is missing there. Begins the log where there is none. Returns {format} of newer data, else {"", epoch, sequence, end 0|1, gap reason or "", missed or "", id, h, d, ...} Cost: O(log n + limit) */
export const pubsubRead = Script.make({
  name: "PubSub/read",
  adds: false,
  sha: "a0c6eac5679f772395ca2d63749c91bc839fb5e4",
  keys: ["log", "meta"],
  args: ["now", "run", "fresh", "size", "ttl", "from", "epoch", "number", "limit"],
  commands: ["INFO", "TIME", "HMGET", "HSET", "XRANGE", "PEXPIRE"],
  source: `#!lua flags=allow-oom
-- Reads a page of a channel's log from a place on, and says what is missing there. Begins the log where there is none.
-- KEYS[1] log       as in append
-- KEYS[2] meta      as in append
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] size      entries kept
-- ARGV[5] ttl       ms an entry is kept
-- ARGV[6] from      After, Earliest or Last
-- ARGV[7] epoch     After: the place's; else empty
-- ARGV[8] number    After: the place's sequence; Last: how many; else 0
-- ARGV[9] limit     entries of the page
-- RETURNS {format} of newer data, else {"", epoch, sequence, end 0|1, gap reason or "", missed or "", id, h, d, ...}
-- COST O(log n + limit)
-- COMMANDS INFO, TIME, HMGET, HSET, XRANGE, PEXPIRE
local log, meta, physical = KEYS[1], KEYS[2], ARGV[1] == ''
local now, run, size, ttl = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
if physical then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = redis.call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past')
if m[1] and m[1] ~= '1' then return { m[1] } end
local epoch, sequence, past = m[2], tonumber(m[4] or 0), m[6] or ''
if m[3] ~= run then
  if epoch then
    past = past .. epoch .. ':' .. m[4] .. ' '
    if select(2, string.gsub(past, ' ', '')) > 8 then past = string.match(past, ' (.*)') end
  end
  epoch = ARGV[3]
  redis.call('HSET', meta, 'format', '1', 'epoch', epoch, 'run', run, 'sequence', sequence, 'past', past)
end
if physical then redis.call('PEXPIRE', log, ttl + 1000) redis.call('PEXPIRE', meta, ttl + 86400000) end
local at, limit = math.max(now, tonumber(m[5] or 0)), tonumber(ARGV[9])
local function fresh(entry) return tonumber(string.match(entry[2][2], ' (%d+)')) > at - ttl end
local function id(n) return string.format('%.0f-0', n) end
local function seq(entry) return tonumber(string.match(entry[1], '%d+')) end
-- Sequences have no holes and times never go back: what is kept is found by halving.
local low, high = math.max(sequence - size, 0) + 1, sequence + 1
local oldest = redis.call('XRANGE', log, id(low), '+', 'COUNT', 1)[1]
low = oldest and seq(oldest) or high
while oldest and not fresh(oldest) and low < high do
  local middle = math.floor((low + high) / 2)
  local entry = redis.call('XRANGE', log, id(middle), id(middle))[1]
  if entry and not fresh(entry) then low = middle + 1 else high = middle end
  if low == high then break end
end
local after, gap, missed = 0, '', ''
if ARGV[6] == 'Last' then
  after = math.max(sequence - tonumber(ARGV[8]), low - 1)
elseif ARGV[6] == 'After' then
  after = tonumber(ARGV[8])
  local known = ARGV[7] == epoch and sequence
  for e, n in string.gmatch(past, '(%S+):(%d+)') do if e == ARGV[7] then known = tonumber(n) end end
  if not known then after, gap = 0, 'EpochChanged'
  elseif after > known then after, gap = known, 'Rewound' end
end
local entries = redis.call('XRANGE', log, id(math.max(after + 1, low)), '+', 'COUNT', limit)
local first = entries[1] and seq(entries[1]) or sequence + 1
if ARGV[6] == 'After' and gap == '' and first > after + 1 then
  gap, missed = 'HistoryTrimmed', string.format('%.0f', first - after - 1)
end
local last = #entries > 0 and seq(entries[#entries]) or sequence
local reply = { '', epoch, string.format('%.0f', last), last >= sequence and 1 or 0, gap, missed }
for _, entry in ipairs(entries) do
  reply[#reply + 1] = entry[1] reply[#reply + 1] = entry[2][2] reply[#reply + 1] = entry[2][4]
end
return reply
`
})

/** All of them, for whoever needs to know every command that Troupe runs. */
export const all = [
  probeTime,
  pubsubAppend,
  pubsubRead
] as const
