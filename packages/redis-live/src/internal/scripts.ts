/** Written by scripts/codegen.ts from packages/redis-live/lua. Do not edit. */
import * as Script from "./Script.ts"

/** One heartbeat: keeps the peer alive, judges who is overdue, pushes what changed, answers what this peer misses. The book's own clock goes on from beat to beat; over a silence of half of suspectAfter, or a step back, it stands still. Returns {format} of newer data, else {"", status, epoch, version, now, clock, freed, {id, due, ...}, {change, ...}}, without the last where the changes do not tell what is missed. Cost: O(log n + changes) */
export const peerregistryBeat = Script.make({
  name: "PeerRegistry/beat",
  adds: false,
  sha: "41816376f300886174fb7592d284d249ca455867",
  keys: ["meta", "records", "due", "names", "grave", "changes", "channel"],
  args: ["now", "run", "fresh", "id", "name", "joined", "suspect", "down", "epoch", "version"],
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HLEN",
    "HEXISTS",
    "HGET",
    "HSET",
    "HDEL",
    "ZSCORE",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZREMRANGEBYSCORE",
    "ZREMRANGEBYRANK",
    "XADD",
    "XLEN",
    "XRANGE",
    "DEL",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- One heartbeat: keeps the peer alive, judges who is overdue, pushes what changed, answers what this peer misses.
-- The book's own clock goes on from beat to beat; over a silence of half of suspectAfter, or a step back, it stands still.
-- KEYS[1] meta      hash: format, epoch, run, version, tick, clock, resumed, doubtful, fence, freed
-- KEYS[2] records   hash: id -> record
-- KEYS[3] due       sorted set: id -> when it is to be judged, in the book's time
-- KEYS[4] names     hash: name -> id
-- KEYS[5] grave     sorted set: id that is gone -> when nobody can still be at what was its, in the book's time
-- KEYS[6] changes   stream: <version>-0 -> c "<kind> <seenAt> <id> <record>"
-- KEYS[7] channel   shard channel of the frames
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] id        empty: somebody who only watches
-- ARGV[5] name      percent-encoded
-- ARGV[6] joined    1: the book has said before that it has this id
-- ARGV[7] suspect   ms
-- ARGV[8] down      ms
-- ARGV[9] epoch     what the view has reached
-- ARGV[10] version  likewise
-- RETURNS {format} of newer data, else {"", status, epoch, version, now, clock, freed, {id, due, ...}, {change, ...}},
-- without the last where the changes do not tell what is missed.
-- COST O(log n + changes)
-- COMMANDS INFO, TIME, HMGET, HLEN, HEXISTS, HGET, HSET, HDEL, ZSCORE, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYSCORE, ZREMRANGEBYRANK, XADD, XLEN, XRANGE, DEL, SPUBLISH
local call, records, due, names, grave, id = redis.call, KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[4]
local now, run, suspect, down = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[7]), tonumber(ARGV[8])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'run', 'version', 'tick', 'clock', 'resumed', 'doubtful', 'freed')
if m[1] and m[1] ~= '1' then return { m[1] } end
for i = 4, 9 do m[i] = tonumber(m[i] or 0) end
local epoch, version, clock, resumed, doubtful = m[2], m[4], m[6], m[7], m[8]
local lines, status = {}, 'Alive'
local function int(number) return string.format('%.0f', number) end
local function change(kind, seen, peer, record)
  version, lines[#lines + 1] = version + 1, table.concat({ kind, int(seen), peer, record }, ' ')
  call('HSET', records, peer, record)
  call('XADD', KEYS[6], 'MAXLEN', 1000, int(version) .. '-0', 'c', lines[#lines])
end
if m[3] ~= run then
  epoch, resumed = ARGV[3], clock
  doubtful = call('HLEN', records) > call('HEXISTS', records, id) and clock + down or 0
  call('DEL', KEYS[6])
end
if now < m[5] or now - m[5] > suspect / 2 then resumed = clock else clock = clock + now - m[5] end
local mine = call('HGET', records, id)
if mine then
  if string.sub(mine, 3, 3) == 'S' then change('R', now, id, '1 L' .. string.sub(mine, 4)) end
  call('ZADD', due, clock + suspect, id)
elseif id ~= '' then
  local gone = call('ZSCORE', grave, id) or ARGV[6] == '1' and ARGV[9] == epoch
  status = not gone and 'Unknown' or call('HEXISTS', names, ARGV[5]) == 1 and 'Superseded' or 'Gone'
end
local overdue = call('ZRANGEBYSCORE', due, '-inf', clock, 'WITHSCORES', 'LIMIT', 0, 16)
for i = 1, #overdue, 2 do
  local peer, record = overdue[i], call('HGET', records, overdue[i])
  local state, s, d, name = string.match(record, '^1 (%a) (%d+) (%d+) %d+ %d+ (%S+)')
  local patience = state == 'L' and s or d
  local last = overdue[i + 1] - patience
  if last < resumed then call('ZADD', due, resumed + patience, peer)
  elseif state == 'L' then
    call('ZADD', due, last + d, peer)
    change('S', now - clock + last, peer, '1 S' .. string.sub(record, 4))
  else
    change('C', now - clock + last, peer, record)
    if call('HGET', names, name) == peer then call('HDEL', names, name) end
    call('HDEL', records, peer)
    call('ZREM', due, peer)
    call('ZADD', grave, clock, peer)
  end
end
call('ZREMRANGEBYSCORE', grave, '-inf', clock - 3600000)
call('ZREMRANGEBYRANK', grave, 0, -10001)
call('HSET', KEYS[1], 'format', '1', 'epoch', epoch, 'run', run, 'version', int(version), 'tick', int(now),
  'clock', int(clock), 'resumed', int(resumed), 'doubtful', int(doubtful))
if #lines > 0 then call('SPUBLISH', KEYS[7], '1 ' .. epoch .. ' ' .. int(m[4] + 1) .. '\\n' .. table.concat(lines, '\\n')) end
local reply = { '', status, epoch, int(version), int(now), int(clock), int(m[9]), call('ZRANGE', due, 0, 15, 'WITHSCORES') }
local known = ARGV[9] == epoch and tonumber(ARGV[10]) or -1
if known > version or known < version - call('XLEN', KEYS[6]) then return reply end
reply[9] = known < version and call('XRANGE', KEYS[6], int(known + 1) .. '-0', '+', 'COUNT', 64) or {}
return reply
`
})

/** Puts a peer into the book that a beat did not find there, in place of one of its name that came earlier. Returns {format} of newer data, else {"", status} Cost: O(log n) */
export const peerregistryEnter = Script.make({
  name: "PeerRegistry/enter",
  adds: false,
  sha: "4f5efdb03d5de7346d5bcf8f7105971f149c6528",
  keys: ["meta", "records", "due", "names", "grave", "changes", "channel"],
  args: ["now", "run", "id", "name", "suspect", "down", "seat", "joined", "metadata"],
  commands: ["INFO", "TIME", "HMGET", "HEXISTS", "HGET", "HSET", "HDEL", "ZSCORE", "ZADD", "ZREM", "XADD", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Puts a peer into the book that a beat did not find there, in place of one of its name that came earlier.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] due       as in beat
-- KEYS[4] names     as in beat
-- KEYS[5] grave     as in beat
-- KEYS[6] changes   as in beat
-- KEYS[7] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] id        the peer's
-- ARGV[4] name      percent-encoded
-- ARGV[5] suspect   ms
-- ARGV[6] down      ms
-- ARGV[7] seat      0: the next one
-- ARGV[8] joined    when it came, ms since 1970; 0: now
-- ARGV[9] metadata  JSON
-- RETURNS {format} of newer data, else {"", status}
-- COST O(log n)
-- COMMANDS INFO, TIME, HMGET, HEXISTS, HGET, HSET, HDEL, ZSCORE, ZADD, ZREM, XADD, SPUBLISH
local call, records, due, names, id, name = redis.call, KEYS[2], KEYS[3], KEYS[4], ARGV[3], ARGV[4]
local now, run, micros = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[1] .. '000')
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now, micros = time[1] * 1000 + math.floor(time[2] / 1000), time[1] * 1000000 + time[2]
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'run', 'version', 'clock', 'doubtful', 'fence')
if m[1] and m[1] ~= '1' then return { m[1] } end
if m[3] ~= run then return { '', 'Unknown' } end
if call('HEXISTS', records, id) == 1 then return { '', 'Alive' } end
local version, clock, doubtful, fence = tonumber(m[4]), tonumber(m[5]), tonumber(m[6]), tonumber(m[7] or 0)
local seat, joined, lines, other = tonumber(ARGV[7]), tonumber(ARGV[8]), {}, call('HGET', names, name)
if call('ZSCORE', KEYS[5], id) then return { '', other and 'Superseded' or 'Gone' } end
local function int(number) return string.format('%.0f', number) end
local function change(kind, seen, peer, record)
  version, lines[#lines + 1] = version + 1, table.concat({ kind, int(seen), peer, record }, ' ')
  call('XADD', KEYS[6], 'MAXLEN', 1000, int(version) .. '-0', 'c', lines[#lines])
end
if other then
  local record = call('HGET', records, other)
  local state, s, d, taken = string.match(record, '^1 (%a) (%d+) (%d+) (%d+)')
  if seat > 0 and tonumber(taken) > seat then return { '', 'Superseded' } end
  -- It may go on with what it holds until it cannot prove that it lives.
  local last = call('ZSCORE', due, other) - (state == 'L' and s or d)
  call('ZADD', KEYS[5], last + d, other)
  call('HDEL', records, other)
  call('ZREM', due, other)
  change('X', now - clock + last, other, record)
end
-- One that was there and is not in the book: others like it may be to come, with what they hold.
if joined > 0 and doubtful == 0 then doubtful = clock + ARGV[6] end
if joined == 0 then joined = now end
if seat == 0 then
  fence = math.max(fence + 1, micros)
  seat = fence
end
local record = table.concat({ '1 L', ARGV[5], ARGV[6], int(seat), int(joined), name, ARGV[9] }, ' ')
call('HSET', records, id, record)
call('HSET', names, name, id)
call('ZADD', due, clock + ARGV[5], id)
change('J', now, id, record)
call('HSET', KEYS[1], 'version', int(version), 'doubtful', int(doubtful), 'fence', int(fence))
call('SPUBLISH', KEYS[7], '1 ' .. m[2] .. ' ' .. int(m[4] + 1) .. '\\n' .. table.concat(lines, '\\n'))
return { '', 'Alive' }
`
})

/** Who has a leadership, and when it was last heard of. Returns {format} of newer data, {""} where nobody has it, else {"", id, seenAt, record} Cost: O(log n) */
export const peerregistryLeader = Script.make({
  name: "PeerRegistry/leader",
  adds: false,
  sha: "848d38a4a182109d6b6c78606e3bf62d9a85eec9",
  keys: ["meta", "records", "due", "leaders"],
  args: ["now", "name"],
  commands: ["TIME", "HMGET", "HGET", "ZSCORE"],
  source: `#!lua flags=allow-oom
-- Who has a leadership, and when it was last heard of.
-- KEYS[1] meta     as in beat
-- KEYS[2] records  as in beat
-- KEYS[3] due      as in beat
-- KEYS[4] leaders  as in terms
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] name     percent-encoded
-- RETURNS {format} of newer data, {""} where nobody has it, else {"", id, seenAt, record}
-- COST O(log n)
-- COMMANDS TIME, HMGET, HGET, ZSCORE
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local m = redis.call('HMGET', KEYS[1], 'format', 'clock')
if m[1] and m[1] ~= '1' then return { m[1] } end
local id = string.match(redis.call('HGET', KEYS[4], ARGV[2]) or '', '^(%S+) ')
local record = id and redis.call('HGET', KEYS[2], id)
if not record then return { '' } end
local state, s, d = string.match(record, '^1 (%a) (%d+) (%d+)')
local seen = now - m[2] + redis.call('ZSCORE', KEYS[3], id) - (state == 'L' and s or d)
return { '', id, string.format('%.0f', seen), record }
`
})

/** Takes a peer out of the book for good, and gives up the leaderships it no longer holds. Returns {format} of newer data, else {""} Cost: O(log n + held) */
export const peerregistryLeave = Script.make({
  name: "PeerRegistry/leave",
  adds: false,
  sha: "faa193cf0d44d1d8b10c511bc1c604e8966c3e9f",
  keys: ["meta", "records", "due", "names", "grave", "changes", "leaders", "channel"],
  args: ["now", "id"],
  variadic: "held",
  commands: ["TIME", "HMGET", "HGET", "HSET", "HDEL", "ZSCORE", "ZADD", "ZREM", "XADD", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Takes a peer out of the book for good, and gives up the leaderships it no longer holds.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] due       as in beat
-- KEYS[4] names     as in beat
-- KEYS[5] grave     as in beat
-- KEYS[6] changes   as in beat
-- KEYS[7] leaders   hash: name -> "<owner> <fence>"
-- KEYS[8] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        the peer's
-- ARGV[3...] held   name, fence, name, fence, ...
-- RETURNS {format} of newer data, else {""}
-- COST O(log n + held)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZSCORE, ZADD, ZREM, XADD, SPUBLISH
local call, id, now = redis.call, ARGV[2], tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'version', 'clock', 'doubtful', 'fence', 'freed')
if m[1] and m[1] ~= '1' then return { m[1] } end
for i = 3, 7 do m[i] = tonumber(m[i] or 0) end
local version, clock, fence, freed, lines = m[3], m[4], m[6], m[7], {}
local function int(number) return string.format('%.0f', number) end
local record = call('HGET', KEYS[2], id)
if record then
  local state, s, d, name = string.match(record, '^1 (%a) (%d+) (%d+) %d+ %d+ (%S+)')
  local last = call('ZSCORE', KEYS[3], id) - (state == 'L' and s or d)
  version, lines[1] = version + 1, table.concat({ 'G', int(now - clock + last), id, record }, ' ')
  call('XADD', KEYS[6], 'MAXLEN', 1000, int(version) .. '-0', 'c', lines[1])
  if call('HGET', KEYS[4], name) == id then call('HDEL', KEYS[4], name) end
  call('HDEL', KEYS[2], id)
  call('ZREM', KEYS[3], id)
  call('ZADD', KEYS[5], last + d, id)
else
  call('ZADD', KEYS[5], clock, id)
end
for i = 3, #ARGV, 2 do
  local held, doubtful = tonumber(ARGV[i + 1]), not m[2] or clock < m[5]
  local owner = string.match(call('HGET', KEYS[7], ARGV[i]) or '', '^(%S*) ')
  fence = math.max(fence, held)
  if owner == id or not owner and doubtful and held > 0 then
    -- While it is doubtful whose what is not in the book is, the book says that this is nobody's.
    if doubtful then call('HSET', KEYS[7], ARGV[i], ' ' .. int(held)) else call('HDEL', KEYS[7], ARGV[i]) end
    freed, lines[#lines + 1] = freed + 1, 'F ' .. ARGV[i]
  end
end
call('HSET', KEYS[1], 'version', int(version), 'fence', int(fence), 'freed', int(freed))
local frame = table.concat({ '1 ', m[2] or '', ' ', int(m[3] + 1), '\\n', table.concat(lines, '\\n') })
if #lines > 0 then call('SPUBLISH', KEYS[8], frame) end
return { '' }
`
})

/** Who is there, page by page: whoever is throughout is on one page at least. Returns {format} of newer data, {""} where the book is another one, else {"", cursor or "", {id, record, ...}} Cost: O(peers of the page) */
export const peerregistryPage = Script.make({
  name: "PeerRegistry/page",
  adds: false,
  sha: "7f47735951c3e8aecf17c541316da6ecbc98d8bd",
  keys: ["meta", "records"],
  args: ["epoch", "cursor"],
  commands: ["HMGET", "HSCAN"],
  source: `#!lua flags=allow-oom
-- Who is there, page by page: whoever is throughout is on one page at least.
-- KEYS[1] meta     as in beat
-- KEYS[2] records  as in beat
-- ARGV[1] epoch    of the book that is read
-- ARGV[2] cursor   empty: from the beginning on
-- RETURNS {format} of newer data, {""} where the book is another one, else {"", cursor or "", {id, record, ...}}
-- COST O(peers of the page)
-- COMMANDS HMGET, HSCAN
local m = redis.call('HMGET', KEYS[1], 'format', 'epoch')
if m[1] and m[1] ~= '1' then return { m[1] } end
if m[2] ~= ARGV[1] then return { '' } end
local page = redis.call('HSCAN', KEYS[2], ARGV[2] == '' and '0' or ARGV[2], 'COUNT', 64)
return { '', page[1] == '0' and '' or page[1], page[2] }
`
})

/** What a peer wants of leaderships: Seek, Hold what the book may have lost, or Drop. Returns {format} of newer data, {"", 0} where the book first needs a beat, else {"", 1, owner, fence, owner, ...} Cost: O(wishes), O(leaderships) where one is given */
export const peerregistryTerms = Script.make({
  name: "PeerRegistry/terms",
  adds: false,
  sha: "095499e32a3610a047ab852cd9d8676ddc9e5ed1",
  keys: ["meta", "records", "grave", "leaders", "channel"],
  args: ["now", "run", "id", "known"],
  variadic: "wishes",
  commands: ["INFO", "TIME", "HMGET", "HEXISTS", "HGET", "HGETALL", "HSET", "HDEL", "ZSCORE", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- What a peer wants of leaderships: Seek, Hold what the book may have lost, or Drop.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] grave     as in beat
-- KEYS[4] leaders   hash: name -> "<owner> <fence>"; an empty owner: nobody's, though others may not be in the book
-- KEYS[5] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] id        the peer's
-- ARGV[4] known     the highest fence it has seen
-- ARGV[5...] wishes name, kind, fence, name, kind, fence, ...
-- RETURNS {format} of newer data, {"", 0} where the book first needs a beat, else {"", 1, owner, fence, owner, ...}
-- COST O(wishes), O(leaderships) where one is given
-- COMMANDS INFO, TIME, HMGET, HEXISTS, HGET, HGETALL, HSET, HDEL, ZSCORE, SPUBLISH
local call, leaders, id, run, micros = redis.call, KEYS[4], ARGV[3], ARGV[2], tonumber(ARGV[1] .. '000')
if ARGV[1] == '' then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = call('HMGET', KEYS[1], 'format', 'epoch', 'run', 'version', 'clock', 'doubtful', 'fence', 'freed')
if m[1] and m[1] ~= '1' then return { m[1] } end
if m[3] ~= run or call('HEXISTS', KEYS[2], id) == 0 then return { '', 0 } end
local clock, doubtful, lines, reply = tonumber(m[5]), tonumber(m[6]), {}, { '', 1 }
local highest, freed = math.max(tonumber(m[7] or 0), tonumber(ARGV[4])), tonumber(m[8] or 0)
for i = 7, #ARGV, 3 do highest = math.max(highest, tonumber(ARGV[i])) end
local function int(number) return string.format('%.0f', number) end
local function read(value)
  local owner, fence = string.match(value or '', '^(%S*) (%d+)$')
  return owner, tonumber(fence or 0), owner and call('HEXISTS', KEYS[2], owner) == 1
end
-- Nobody may still be at what was this owner's.
local function over(owner, there)
  return not there and clock >= math.max(doubtful, tonumber(owner and call('ZSCORE', KEYS[3], owner) or 0))
end
for i = 5, #ARGV, 3 do
  local name, kind, given = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local owner, fence, there = read(call('HGET', leaders, name))
  if kind == 'Drop' then
    if owner == id or not owner and clock < doubtful and given > 0 then
      if clock < doubtful then call('HSET', leaders, name, ' ' .. int(given)) else call('HDEL', leaders, name) end
      freed, lines[#lines + 1] = freed + 1, 'F ' .. name
    end
    owner, fence = '', 0
  elseif kind == 'Hold' and given >= fence or kind == 'Seek' and (owner == '' or owner == id or over(owner, there)) then
    if kind == 'Seek' then
      highest = math.max(highest + 1, micros)
      given = highest
    end
    local all = call('HGETALL', leaders)
    for j = 1, #all, 2 do
      local other, _, lives = read(all[j + 1])
      if over(other, lives) then call('HDEL', leaders, all[j]) end
    end
    call('HSET', leaders, name, id .. ' ' .. int(given))
    owner, fence = id, given
  elseif not there then owner = '' end
  reply[#reply + 1], reply[#reply + 2] = owner, int(fence)
end
call('HSET', KEYS[1], 'fence', int(highest), 'freed', int(freed))
local frame = '1 ' .. m[2] .. ' ' .. int(m[4] + 1) .. '\\n' .. table.concat(lines, '\\n')
if #lines > 0 then call('SPUBLISH', KEYS[5], frame) end
return reply
`
})

/** Replaces a peer's metadata. Returns {format} of newer data, {""} where the peer is not in the book, else {"", frame} Cost: O(log n) */
export const peerregistryUpdate = Script.make({
  name: "PeerRegistry/update",
  adds: true,
  sha: "210cf47d35f1283136fd7d376d5995b28545d350",
  keys: ["meta", "records", "due", "changes", "channel"],
  args: ["now", "id", "metadata"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "ZSCORE", "XADD", "SPUBLISH"],
  source: `#!lua
-- Replaces a peer's metadata.
-- KEYS[1] meta      as in beat
-- KEYS[2] records   as in beat
-- KEYS[3] due       as in beat
-- KEYS[4] changes   as in beat
-- KEYS[5] channel   as in beat
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        the peer's
-- ARGV[3] metadata  JSON
-- RETURNS {format} of newer data, {""} where the peer is not in the book, else {"", frame}
-- COST O(log n)
-- COMMANDS TIME, HMGET, HGET, HSET, ZSCORE, XADD, SPUBLISH
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local m = redis.call('HMGET', KEYS[1], 'format', 'epoch', 'version', 'clock')
if m[1] and m[1] ~= '1' then return { m[1] } end
local record = redis.call('HGET', KEYS[2], ARGV[2])
if not record then return { '' } end
local head, state, s, d = string.match(record, '^(1 (%a) (%d+) (%d+) %d+ %d+ %S+ )')
local seen = now - m[4] + redis.call('ZSCORE', KEYS[3], ARGV[2]) - (state == 'L' and s or d)
local version = string.format('%.0f', m[3] + 1)
local line = table.concat({ 'U', string.format('%.0f', seen), ARGV[2], head .. ARGV[3] }, ' ')
local frame = '1 ' .. m[2] .. ' ' .. version .. '\\n' .. line
redis.call('HSET', KEYS[2], ARGV[2], head .. ARGV[3])
redis.call('HSET', KEYS[1], 'version', version)
redis.call('XADD', KEYS[4], 'MAXLEN', 1000, version .. '-0', 'c', line)
redis.call('SPUBLISH', KEYS[5], frame)
return { '', frame }
`
})

/** Appends messages to a channel's log in order and pushes the new ones as one frame. Returns {format} of newer data, else {"", epoch, first sequence, index, epoch, sequence of each duplicate, ...} Cost: O(entries) */
export const pubsubAppend = Script.make({
  name: "PubSub/append",
  adds: true,
  sha: "0b6c46e6238ce55fedf812efd0ae1dfe9fd118b6",
  keys: ["log", "meta", "channel"],
  args: ["now", "run", "fresh", "size", "ttl", "publisher"],
  variadic: "entries",
  commands: [
    "INFO",
    "TIME",
    "DEL",
    "EXISTS",
    "PTTL",
    "HMGET",
    "HSET",
    "HDEL",
    "XADD",
    "XLEN",
    "XRANGE",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
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
-- COMMANDS INFO, TIME, DEL, EXISTS, PTTL, HMGET, HSET, HDEL, XADD, XLEN, XRANGE, XTRIM, PEXPIRE, SPUBLISH
local log, meta, physical = KEYS[1], KEYS[2], ARGV[1] == ''
local now, run, size, ttl = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
if physical then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = redis.call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'keys')
if m[1] and m[1] ~= '1' then return { m[1] } elseif not m[2] then redis.call('DEL', log) end
local epoch, sequence, past = m[2], tonumber(m[4] or 0), m[6] or ''
if m[3] ~= run then
  if epoch then
    past = past .. epoch .. ':' .. m[4] .. ' '
    if select(2, string.gsub(past, ' ', '')) > 8 then past = string.match(past, ' (.*)') end
  end
  epoch = (epoch and string.match(epoch, '^[^-]+') .. '-' or '') .. ARGV[3]
end
-- With its log gone a channel has no message left that a key could stand for.
if m[7] and m[7] ~= '0' and redis.call('EXISTS', log) == 0 then redis.call('DEL', meta) m[7] = '0' end
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
-- Never less than what another definition of the channel has asked for.
local function keep(key, ms) if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end end
if physical then keep(log, ttl + 1000) keep(meta, ttl + 86400000) end
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
  sha: "4d9afca209518359363d733d572321c875145f2a",
  keys: ["log", "meta"],
  args: ["now", "run", "fresh", "size", "ttl", "from", "epoch", "number", "limit"],
  commands: ["INFO", "TIME", "DEL", "PTTL", "HMGET", "HSET", "XRANGE", "PEXPIRE"],
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
-- COMMANDS INFO, TIME, DEL, PTTL, HMGET, HSET, XRANGE, PEXPIRE
local log, meta, physical = KEYS[1], KEYS[2], ARGV[1] == ''
local now, run, size, ttl = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
if physical then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
local m = redis.call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past')
if m[1] and m[1] ~= '1' then return { m[1] } elseif not m[2] then redis.call('DEL', log) end
local epoch, sequence, past = m[2], tonumber(m[4] or 0), m[6] or ''
if m[3] ~= run then
  if epoch then
    past = past .. epoch .. ':' .. m[4] .. ' '
    if select(2, string.gsub(past, ' ', '')) > 8 then past = string.match(past, ' (.*)') end
  end
  epoch = (epoch and string.match(epoch, '^[^-]+') .. '-' or '') .. ARGV[3]
  redis.call('HSET', meta, 'format', '1', 'epoch', epoch, 'run', run, 'sequence', sequence, 'past', past)
end
-- Never less than what another definition of the channel has asked for.
local function keep(key, ms) if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end end
if physical then keep(log, ttl + 1000) keep(meta, ttl + 86400000) end
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
  if not known then
    local same = string.match(ARGV[7], '^[^-]+') == string.match(epoch, '^[^-]+')
    after, gap = same and math.min(after, sequence) or 0, 'EpochChanged'
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
  peerregistryBeat,
  peerregistryEnter,
  peerregistryLeader,
  peerregistryLeave,
  peerregistryPage,
  peerregistryTerms,
  peerregistryUpdate,
  pubsubAppend,
  pubsubRead
] as const
