/** Written by scripts/codegen.ts from packages/redis-live/lua. Do not edit. */
import * as Script from "./Script.ts"

/** Finds each value, or takes its lease for a load. Returns {format} of newer data, else {"", now, kind, ms, value, ...}: F found it; W won the lease; B another has it, for so long, -1 for ever; the value of W and B is there for a load alone, or false Cost: O(keys + tags) */
export const cacheAcquire = Script.make({
  name: "Cache/acquire",
  adds: false,
  sha: "c364bf9e7e2343ee9e6d4e61b920d9bb9befe90e",
  keys: ["part", "meta"],
  args: ["now", "fresh", "token", "lease", "tags", "unfit"],
  variadic: "keys",
  commands: ["TIME", "HMGET", "HSET", "MGET", "SET", "SETRANGE", "PEXPIREAT", "PERSIST", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Finds each value, or takes its lease for a load.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] fresh    as in write
-- ARGV[3] token    the load's, percent-encoded
-- ARGV[4] lease    ms
-- ARGV[5] tags     of what will be written, with spaces between
-- ARGV[6] unfit    " <key>=<version>" for each value that is taken for absent while it is of that version
-- ARGV[7...] keys  of the values
-- RETURNS {format} of newer data, else {"", now, kind, ms, value, ...}: F found it; W won the lease; B another has it, for so
-- long, -1 for ever; the value of W and B is there for a load alone, or false
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, HSET, MGET, SET, SETRANGE, PEXPIREAT, PERSIST, DEL, SPUBLISH
-- PARTS ground, tags, value, lasting, tokens, prolong, lease, hold
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- Tokens for what is written: they grow, by the server's time or, where that is behind, by one.
-- token(): a new one
-- generation(): the one there is, or one that begins
-- stamp(text, till): as lasting, for tags that may have no token yet
-- close(): keeps what was made
local isNew = false
local function token()
  m.last, isNew = math.max(m.last + 1, micros), true
  return pad(m.last)
end
local function generation()
  if not m.generation then m.generation, isNew = ARGV[2], true end
  return m.generation
end
local function stamp(text, till)
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    if not known[tag] then known[tag] = token() .. pad(0) end
  end
  return lasting(text, till)
end
local function close()
  if isNew then call('HSET', KEYS[2], 'format', '1', 'generation', generation(), 'last', pad(m.last)) end
end
-- prolong(key, value, ttl): it lives so long from now, and with it the tokens of its tags; gives it as it is then.
local function prolong(key, value, ttl)
  local expires, name = math.min(now + ttl, forever), base .. ':v:' .. key
  local gone, text = math.min(expires + sub(value, 34, 49), forever), pad(expires)
  if sub(value, 2, 17) == text then return value end
  call('SETRANGE', name, 1, text)
  if isPhysical and gone < forever then call('PEXPIREAT', name, int(gone)) elseif isPhysical then call('PERSIST', name) end
  lasting(tagsOf(value), gone)
  return '1' .. text .. sub(value, 18)
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
-- keep(key, rest, tags, till): a lease until then; rest is what stands behind that, and before the tags
-- prolongLease(key, till): as it is, until then
-- Its tags last that long, or a day if that is less: whoever holds it renews it sooner.
local function tagsTill(till) return math.min(till, now + 86400000) end
local function keep(key, rest, tags, till)
  leases[key] = pad(till) .. rest .. tags
  store(base .. ':l:' .. key, leases[key], till)
end
local function prolongLease(key, till)
  local rest, tags = string.match(sub(leases[key], 17), '^(%S+ %S+)(.*)$')
  keep(key, rest, lasting(tags, tagsTill(till)), till)
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local who, till, tags = ARGV[3], math.min(now + ARGV[4], forever), ARGV[5]
local keys, reply, unfit = { unpack(ARGV, 7) }, { '', int(now) }, {}
for key, version in string.gmatch(ARGV[6], '([^ =]+)=(%d+)') do unfit[key] = version end
local values, texts = fetch(':v:', keys), find(keys)
for i = 1, #keys do texts[#texts + 1] = tagsOf(values[i]) end
texts[#texts + 1] = tags
learn(texts)
-- Somebody waits for it: how long it has to go.
local function await(key)
  local lease = leases[key]
  local ends = tonumber(sub(lease, 1, 16))
  if sub(lease, 17, 17) == '0' then keep(key, '1' .. sub(lease, 18), '', ends) end
  return ends == forever and -1 or ends - now
end
local function add(kind, ms, value)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = kind, ms, value
end
for i, key in ipairs(keys) do
  local value, left, holds = values[i], kept(values[i]), holder(key)
  local isLive = left and left > 0
  local stale = left and not isLive and value or false
  if isLive and sub(value, 18, 33) ~= unfit[key] then
    local slide = tonumber(sub(value, 50, 65))
    values[i] = slide > 0 and prolong(key, value, slide) or value
    add('F', 0, values[i])
  elseif holds and holds ~= who then add('B', await(key), stale)
  else
    if holds then prolongLease(key, till) else
      drop(key)
      -- Taking away what is old takes the right to replace it, too.
      local old = left and lasting(tagsOf(value), tagsTill(till)) or ''
      keep(key, '0' .. generation() .. ' ' .. who, stamp(tags, tagsTill(till)) .. old, till)
    end
    add('W', 0, stale)
  end
end
close()
settle()
return reply
`
})

/** Takes the token of the part's generation away: all values are gone, and so are all leases. Who waits for one of them asks again when its time is over. Whoever watches the part's keys is told by one that comes and goes: the meta changes with each writing. Returns {format} of newer data, else {""} Cost: O(1) */
export const cacheClear = Script.make({
  name: "Cache/clear",
  adds: false,
  sha: "56d5f1f9f01ba53327ed8728da00baeb5abcc23c",
  keys: ["part", "meta"],
  args: [],
  commands: ["HGET", "HDEL", "SET", "DEL"],
  source: `#!lua flags=allow-oom
-- Takes the token of the part's generation away: all values are gone, and so are all leases. Who waits for one of them asks again
-- when its time is over.
-- Whoever watches the part's keys is told by one that comes and goes: the meta changes with each writing.
-- KEYS[1] part  as in read
-- KEYS[2] meta  as in read
-- RETURNS {format} of newer data, else {""}
-- COST O(1)
-- COMMANDS HGET, HDEL, SET, DEL
local format = redis.call('HGET', KEYS[2], 'format')
if format and format ~= '1' then return { format } end
redis.call('HDEL', KEYS[2], 'generation')
redis.call('SET', KEYS[1] .. ':cleared', 1)
redis.call('DEL', KEYS[1] .. ':cleared')
return { '' }
`
})

/** Writes what was loaded and ends the load's leases, each where it is still the load's. Returns {format} of newer data, else {"", 1 or 0, ...}: was it stored? Cost: O(entries + tags) */
export const cacheCommit = Script.make({
  name: "Cache/commit",
  adds: true,
  sha: "209062b5d87b6f815e9ad8dd1ce4501706ec3dea",
  keys: ["part", "meta"],
  args: ["now", "fresh", "token"],
  variadic: "entries",
  commands: ["TIME", "HMGET", "HSET", "MGET", "SET", "DEL", "SPUBLISH"],
  source: `#!lua
-- Writes what was loaded and ends the load's leases, each where it is still the load's.
-- KEYS[1] part        as in read
-- KEYS[2] meta        as in read
-- ARGV[1] now         ms since 1970; empty: the server's own clock
-- ARGV[2] fresh       as in write
-- ARGV[3] token       the load's, percent-encoded
-- ARGV[4...] entries  as in write
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: was it stored?
-- COST O(entries + tags)
-- COMMANDS TIME, HMGET, HSET, MGET, SET, DEL, SPUBLISH
-- PARTS ground, tags, lasting, tokens, put, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- Tokens for what is written: they grow, by the server's time or, where that is behind, by one.
-- token(): a new one
-- generation(): the one there is, or one that begins
-- stamp(text, till): as lasting, for tags that may have no token yet
-- close(): keeps what was made
local isNew = false
local function token()
  m.last, isNew = math.max(m.last + 1, micros), true
  return pad(m.last)
end
local function generation()
  if not m.generation then m.generation, isNew = ARGV[2], true end
  return m.generation
end
local function stamp(text, till)
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    if not known[tag] then known[tag] = token() .. pad(0) end
  end
  return lasting(text, till)
end
local function close()
  if isNew then call('HSET', KEYS[2], 'format', '1', 'generation', generation(), 'last', pad(m.last)) end
end
-- An entry is its key, its terms and its body. Terms are "<ms to live> <1 where it is sliding, else 0> <ms it is kept for a load after
-- that> <tags with spaces between>".
-- tagsIn(terms)
-- put(key, terms, body): a value, written; its tags have been learnt. Not to live at all: what was there goes.
-- Those that are written together mostly differ in key and body alone: what else stands in their heads is made once.
local was = {}
local function tagsIn(terms) return string.match(terms, '^%S+ %d %S+ (.*)$') end
local function put(key, terms, body)
  if terms ~= was.terms then
    local ttl, slides, stale, tags = string.match(terms, '^(%S+) (%d) (%S+) (.*)$')
    was = { terms = terms, isGone = tonumber(ttl) <= 0 }
    if not was.isGone then
      local expires = math.min(now + ttl, forever)
      local slide = slides == '1' and tonumber(ttl) or 0
      was.gone, was.before = math.min(expires + stale, forever), '1' .. pad(expires)
      was.after = pad(stale) .. pad(slide) .. generation() .. stamp(tags, was.gone) .. '\\n'
    end
  end
  if was.isGone then return call('DEL', base .. ':v:' .. key) end
  store(base .. ':v:' .. key, was.before .. token() .. was.after .. body, was.gone)
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, tags, reply = {}, {}, { '' }
for i = 4, #ARGV, 3 do keys[#keys + 1], tags[#tags + 1] = ARGV[i], tagsIn(ARGV[i + 1]) end
learn(find(keys))
learn(tags)
for i = 4, #ARGV, 3 do
  local isOwn = own(ARGV[i], ARGV[3])
  if isOwn then
    put(ARGV[i], ARGV[i + 1], ARGV[i + 2])
    drop(ARGV[i])
  end
  reply[#reply + 1] = isOwn and 1 or 0
end
close()
settle()
return reply
`
})

/** Takes tokens of tags away: what carries them is gone, and so is the lease of a load that was to write them. Nobody knows which those are: who waits for one of them asks again when its time is over. Returns {format} of newer data, else {""} Cost: O(tags) */
export const cacheInvalidate = Script.make({
  name: "Cache/invalidate",
  adds: false,
  sha: "2503965b2122eb03378fd14a0237f8197e65aa08",
  keys: ["part", "meta"],
  args: [],
  variadic: "tags",
  commands: ["HGET", "DEL"],
  source: `#!lua flags=allow-oom
-- Takes tokens of tags away: what carries them is gone, and so is the lease of a load that was to write them. Nobody knows which
-- those are: who waits for one of them asks again when its time is over.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1...] tags  percent-encoded
-- RETURNS {format} of newer data, else {""}
-- COST O(tags)
-- COMMANDS HGET, DEL
local format, keys = redis.call('HGET', KEYS[2], 'format'), {}
if format and format ~= '1' then return { format } end
for i = 1, #ARGV do keys[i] = KEYS[1] .. ':t:' .. ARGV[i] end
for i = 1, #keys, 1000 do redis.call('DEL', unpack(keys, i, math.min(i + 999, #keys))) end
return { '' }
`
})

/** Gives a lock where nobody has it, and again to who has it; lets go of some whose time is over. Returns {format} of newer data, else {"", "H", fence, 0}, or {"", "B", fence, ms}: another has it for so long Cost: O(log locks) */
export const cacheLock = Script.make({
  name: "Cache/lock",
  adds: true,
  sha: "a603a319c18da1ccc573469ae930fd9c1963aa21",
  keys: ["part", "meta"],
  args: ["now", "name", "owner", "ttl", "above"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "HDEL", "ZADD", "ZREM", "ZRANGEBYSCORE"],
  source: `#!lua
-- Gives a lock where nobody has it, and again to who has it; lets go of some whose time is over.
-- KEYS[1] part   of the locks, which all their keys begin with: as a region's
-- KEYS[2] meta   hash: format, the last fence that was given, the first one
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] name   of the lock, percent-encoded
-- ARGV[3] owner  whoever asks, percent-encoded
-- ARGV[4] ttl    ms
-- ARGV[5] above  a fence: the one that is given is higher
-- RETURNS {format} of newer data, else {"", "H", fence, 0}, or {"", "B", fence, ms}: another has it for so long
-- COST O(log locks)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, locks
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Locks. \`:held\` is a hash of name -> until when it is held (16 digits), 1 where somebody waits for it, else 0, fence (16 digits),
-- owner; \`:until\` has the names by until when. Nothing of them has a time to live of Redis' own: no eviction takes what is held.
-- find(name): what is kept of it, its time over or not, with \`ends\`, \`awaited\`, \`fence\`, \`owner\`; nil: nothing is
-- keep(name, ends, awaited, fence, owner): it is held until then
-- free(name): it is not
-- first(): the first fence that was given since there is data, or nil
-- seen(fence): none that is given later is as low
local function find(name)
  local text = call('HGET', base .. ':held', name)
  if not text then return nil end
  return { ends = tonumber(sub(text, 1, 16)), awaited = sub(text, 17, 17), fence = sub(text, 18, 33), owner = sub(text, 34) }
end
local function keep(name, ends, awaited, fence, owner)
  call('HSET', base .. ':held', name, pad(ends) .. awaited .. fence .. owner)
  call('ZADD', base .. ':until', int(ends), name)
end
local function free(name)
  call('HDEL', base .. ':held', name)
  call('ZREM', base .. ':until', name)
end
local function first() return tonumber(call('HGET', KEYS[2], 'first') or nil) end
local function seen(fence)
  m.last = math.max(m.last, fence)
  call('HSET', KEYS[2], 'format', '1', 'last', pad(m.last))
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local name, owner, till = ARGV[2], ARGV[3], math.min(now + ARGV[4], forever)
for _, over in ipairs(call('ZRANGEBYSCORE', base .. ':until', '-inf', int(now), 'LIMIT', 0, 16)) do free(over) end
local held = find(name)
if held and held.ends <= now then held = nil end
if held and held.owner ~= owner then
  if held.awaited == '0' then keep(name, held.ends, '1', held.fence, held.owner) end
  return { '', 'B', held.fence, held.ends - now }
end
local fence = held and held.fence or pad(math.max(m.last + 1, ARGV[5] + 1, micros))
if not held then
  if not first() then call('HSET', KEYS[2], 'first', fence) end
  seen(tonumber(fence))
end
keep(name, till, held and held.awaited or '0', fence, owner)
return { '', 'H', fence, 0 }
`
})

/** How long values have to live; prolongs none. Returns {format} of newer data, else {"", ms, ...}, 0 for what is not there, -1 for ever Cost: O(keys + tags) */
export const cacheLook = Script.make({
  name: "Cache/look",
  adds: false,
  sha: "839292395095202452fca17dc42ceb094e7b8201",
  keys: ["part", "meta"],
  args: ["now"],
  variadic: "keys",
  commands: ["TIME", "HMGET", "MGET", "GETRANGE"],
  source: `#!lua flags=allow-oom
-- How long values have to live; prolongs none.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2...] keys  percent-encoded, as all that follow
-- RETURNS {format} of newer data, else {"", ms, ...}, 0 for what is not there, -1 for ever
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE
-- PARTS ground, tags, value, heads
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local values, texts, reply = heads({ unpack(ARGV, 2) }), {}, { '' }
for i = 1, #values do texts[i] = tagsOf(values[i]) end
learn(texts)
for i = 1, #values do
  local left = kept(values[i])
  reply[i + 1] = left == forever and -1 or math.max(left or 0, 0)
end
return reply
`
})

/** Reads values. What is neither sliding nor tagged is told by one comparison: nearly all reads pay for no more. Returns {format} of newer data, else {"", now, {value or why not, ...}}, a value as parts/value.lua says; why not: 1 its time is over, 2 it was cleared, 3 a tag was taken away, else nothing is there Cost: O(keys + tags) */
export const cacheRead = Script.make({
  name: "Cache/read",
  adds: false,
  sha: "8555c7ee73ae32b193de8d5b1008af95e3f34588",
  keys: ["part", "meta"],
  args: ["now", "slide"],
  variadicKeys: "values",
  commands: ["TIME", "HMGET", "MGET", "SET", "SETRANGE", "PEXPIREAT", "PERSIST"],
  source: `#!lua flags=allow-oom
-- Reads values. What is neither sliding nor tagged is told by one comparison: nearly all reads pay for no more.
-- KEYS[1] part      the region's part; nothing is kept under it itself, but all that is has it as its beginning
-- KEYS[2] meta      of the part
-- KEYS[3...] values its keys :v:<key>
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] slide    Late: what is sliding lives on only where half of its time is over; else Always
-- RETURNS {format} of newer data, else {"", now, {value or why not, ...}}, a value as parts/value.lua says; why not: 1 its time is
--         over, 2 it was cleared, 3 a tag was taken away, else nothing is there
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, SET, SETRANGE, PEXPIREAT, PERSIST
-- PARTS ground, tags, value, lasting, prolong
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- prolong(key, value, ttl): it lives so long from now, and with it the tokens of its tags; gives it as it is then.
local function prolong(key, value, ttl)
  local expires, name = math.min(now + ttl, forever), base .. ':v:' .. key
  local gone, text = math.min(expires + sub(value, 34, 49), forever), pad(expires)
  if sub(value, 2, 17) == text then return value end
  call('SETRANGE', name, 1, text)
  if isPhysical and gone < forever then call('PEXPIREAT', name, int(gone)) elseif isPhysical then call('PERSIST', name) end
  lasting(tagsOf(value), gone)
  return '1' .. text .. sub(value, 18)
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local values = call('MGET', unpack(KEYS, 3))
local plain, others, texts = string.rep('0', 16) .. (m.generation or '') .. '\\n', {}, {}
for i = 1, #values do
  local value = values[i]
  if value then
    if sub(value, 50, 82) ~= plain then others[#others + 1], texts[#texts + 1] = i, tagsOf(value)
    elseif tonumber(sub(value, 2, 17)) <= now or sub(value, 1, 1) ~= '1' then values[i] = 1 end
  end
end
learn(texts)
for _, i in ipairs(others) do
  local value = values[i]
  local left, slide = kept(value), tonumber(sub(value, 50, 65))
  if left and left <= 0 then values[i] = 1
  elseif not left then values[i] = sub(value, 66, 81) ~= m.generation and 2 or holds(tagsOf(value)) and 1 or 3
  elseif slide > 0 and (ARGV[2] ~= 'Late' or left * 2 < slide) then values[i] = prolong(sub(KEYS[i + 2], #base + 4), value, slide) end
end
return { '', int(now), values }
`
})

/** Ends the leases of a load, which has nothing to store. Returns {format} of newer data, else {""} Cost: O(keys + tags) */
export const cacheRelease = Script.make({
  name: "Cache/release",
  adds: false,
  sha: "38689eaf01039e0b8658c7f6812b43bb3be751f2",
  keys: ["part", "meta"],
  args: ["now", "token"],
  variadic: "keys",
  commands: ["TIME", "HMGET", "MGET", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Ends the leases of a load, which has nothing to store.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] token    the load's, percent-encoded
-- ARGV[3...] keys  of the values
-- RETURNS {format} of newer data, else {""}
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, DEL, SPUBLISH
-- PARTS ground, tags, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys = { unpack(ARGV, 3) }
learn(find(keys))
for _, key in ipairs(keys) do
  if own(key, ARGV[2]) then drop(key) end
end
settle()
return { '' }
`
})

/** Has a lock held for so long from now, where it still is its owner's. Returns {format} of newer data, else {"", 1 or 0}: is it still the owner's? Cost: O(log locks) */
export const cacheRelock = Script.make({
  name: "Cache/relock",
  adds: false,
  sha: "0887859716351a5cb5837115afe622a8a574de08",
  keys: ["part", "meta"],
  args: ["now", "name", "owner", "ttl", "fence"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "HDEL", "ZADD", "ZREM"],
  source: `#!lua flags=allow-oom
-- Has a lock held for so long from now, where it still is its owner's.
-- KEYS[1] part   of the locks, which all their keys begin with: as a region's
-- KEYS[2] meta   hash: format, the last fence that was given, the first one
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] name   of the lock, percent-encoded
-- ARGV[3] owner  whoever asks, percent-encoded
-- ARGV[4] ttl    ms
-- ARGV[5] fence  that it was given with
-- RETURNS {format} of newer data, else {"", 1 or 0}: is it still the owner's?
-- COST O(log locks)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZADD, ZREM
-- PARTS ground, locks
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Locks. \`:held\` is a hash of name -> until when it is held (16 digits), 1 where somebody waits for it, else 0, fence (16 digits),
-- owner; \`:until\` has the names by until when. Nothing of them has a time to live of Redis' own: no eviction takes what is held.
-- find(name): what is kept of it, its time over or not, with \`ends\`, \`awaited\`, \`fence\`, \`owner\`; nil: nothing is
-- keep(name, ends, awaited, fence, owner): it is held until then
-- free(name): it is not
-- first(): the first fence that was given since there is data, or nil
-- seen(fence): none that is given later is as low
local function find(name)
  local text = call('HGET', base .. ':held', name)
  if not text then return nil end
  return { ends = tonumber(sub(text, 1, 16)), awaited = sub(text, 17, 17), fence = sub(text, 18, 33), owner = sub(text, 34) }
end
local function keep(name, ends, awaited, fence, owner)
  call('HSET', base .. ':held', name, pad(ends) .. awaited .. fence .. owner)
  call('ZADD', base .. ':until', int(ends), name)
end
local function free(name)
  call('HDEL', base .. ':held', name)
  call('ZREM', base .. ':until', name)
end
local function first() return tonumber(call('HGET', KEYS[2], 'first') or nil) end
local function seen(fence)
  m.last = math.max(m.last, fence)
  call('HSET', KEYS[2], 'format', '1', 'last', pad(m.last))
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local name, owner, till, fence = ARGV[2], ARGV[3], math.min(now + ARGV[4], forever), tonumber(ARGV[5])
local held = find(name)
if held and held.ends > now then
  if held.owner ~= owner then return { '', 0 } end
  keep(name, till, held.awaited, held.fence, owner)
  return { '', 1 }
end
-- It was given before all that this data knows of, or after: nobody can have it, but by asking.
local known = first()
if known and known <= fence and m.last >= fence then return { '', 0 } end
seen(fence)
keep(name, till, '0', pad(fence), owner)
return { '', 1 }
`
})

/** Removes values; a load that is under way may store no more. Returns {format} of newer data, else {"", 1 or 0, ...}: was it there? Cost: O(keys + tags) */
export const cacheRemove = Script.make({
  name: "Cache/remove",
  adds: false,
  sha: "cf87724bc3449a0a02efce8b6c5fdabb3fe709ff",
  keys: ["part", "meta"],
  args: ["now"],
  variadic: "keys",
  commands: ["TIME", "HMGET", "MGET", "GETRANGE", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Removes values; a load that is under way may store no more.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2...] keys  of the values
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: was it there?
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, removed, doomed, reply = { unpack(ARGV, 2) }, {}, {}, { '' }
local values, texts = heads(keys), {}
for i = 1, #keys do texts[i] = tagsOf(values[i]) end
find(keys)
learn(texts)
for i, key in ipairs(keys) do
  local left = not removed[key] and kept(values[i])
  reply[i + 1] = left and left > 0 and 1 or 0
  if values[i] then doomed[#doomed + 1] = base .. ':v:' .. key end
  removed[key] = true
  drop(key)
end
if #doomed > 0 then call('DEL', unpack(doomed)) end
settle()
return reply
`
})

/** Prolongs the leases of a load. Returns {format} of newer data, else {"", 1 or 0, ...}: is it still the load's? Cost: O(keys + tags) */
export const cacheRenew = Script.make({
  name: "Cache/renew",
  adds: false,
  sha: "254a08da8fb8c001f8b74ec08973f67e54bfecea",
  keys: ["part", "meta"],
  args: ["now", "token", "lease"],
  variadic: "keys",
  commands: ["TIME", "HMGET", "MGET", "SET", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Prolongs the leases of a load.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] token    the load's, percent-encoded
-- ARGV[3] lease    ms
-- ARGV[4...] keys  of the values
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: is it still the load's?
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, SET, DEL, SPUBLISH
-- PARTS ground, tags, lasting, lease, hold
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
-- keep(key, rest, tags, till): a lease until then; rest is what stands behind that, and before the tags
-- prolongLease(key, till): as it is, until then
-- Its tags last that long, or a day if that is less: whoever holds it renews it sooner.
local function tagsTill(till) return math.min(till, now + 86400000) end
local function keep(key, rest, tags, till)
  leases[key] = pad(till) .. rest .. tags
  store(base .. ':l:' .. key, leases[key], till)
end
local function prolongLease(key, till)
  local rest, tags = string.match(sub(leases[key], 17), '^(%S+ %S+)(.*)$')
  keep(key, rest, lasting(tags, tagsTill(till)), till)
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, reply = { unpack(ARGV, 4) }, { '' }
learn(find(keys))
for i, key in ipairs(keys) do
  local isOwn = own(key, ARGV[2])
  if isOwn then prolongLease(key, math.min(now + ARGV[3], forever)) end
  reply[i + 1] = isOwn and 1 or 0
end
settle()
return reply
`
})

/** Names some keys of a region that this server has, of whichever part: it looks at none of them, for those of other parts are not this script's to look at. It is a script so that the cursor of another run of the server, which might pass keys over, begins again in the same step; and while the part moves to another server, it is refused as all others are. Returns {format} of newer data, else {"", run, cursor, {name, ...}}; the cursor 0 is the end Cost: O(count) */
export const cacheScan = Script.make({
  name: "Cache/scan",
  adds: false,
  sha: "531e5f9a6985fa689b9cfafdf37929d4478d7a44",
  keys: ["part", "meta"],
  args: ["run", "known", "cursor", "kind", "count"],
  commands: ["INFO", "HGET", "SCAN"],
  source: `#!lua flags=allow-oom
-- Names some keys of a region that this server has, of whichever part: it looks at none of them, for those of other parts are not
-- this script's to look at. It is a script so that the cursor of another run of the server, which might pass keys over, begins
-- again in the same step; and while the part moves to another server, it is refused as all others are.
-- KEYS[1] part    as in read, one that this server has
-- KEYS[2] meta    as in read
-- ARGV[1] run     the server's run id; empty: the server is asked
-- ARGV[2] known   the run that the cursor is of
-- ARGV[3] cursor  of SCAN
-- ARGV[4] kind    v: for values alone; empty: all
-- ARGV[5] count   of keys to look at
-- RETURNS {format} of newer data, else {"", run, cursor, {name, ...}}; the cursor 0 is the end
-- COST O(count)
-- COMMANDS INFO, HGET, SCAN
local run = ARGV[1]
if run == '' then run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
local format = redis.call('HGET', KEYS[2], 'format')
if format and format ~= '1' then return { format } end
-- Nothing in an encoded name means more to a pattern than itself.
local pattern = string.match(KEYS[1], '^(.*:)%d+}$') .. '*}:' .. ARGV[4] .. '*'
local found = redis.call('SCAN', run == ARGV[2] and ARGV[3] or '0', 'MATCH', pattern, 'COUNT', ARGV[5])
return { '', run, found[1], found[2] }
`
})

/** Writes or removes a value if what is there is still of the version that was read. Returns {format} of newer data, else {"", 1}, or {"", 0} where nothing was changed Cost: O(tags) */
export const cacheSwap = Script.make({
  name: "Cache/swap",
  adds: true,
  sha: "aaef8293640e3830f80e61ca219382d0610a5a06",
  keys: ["part", "meta"],
  args: ["now", "fresh", "key", "version"],
  variadic: "entry",
  commands: ["TIME", "HMGET", "HSET", "MGET", "GETRANGE", "SET", "DEL", "SPUBLISH"],
  source: `#!lua
-- Writes or removes a value if what is there is still of the version that was read.
-- KEYS[1] part       as in read
-- KEYS[2] meta       as in read
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] fresh      as in write
-- ARGV[3] key        of the value
-- ARGV[4] version    empty: if nothing is there
-- ARGV[5...] entry   nothing: remove; else as in write
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where nothing was changed
-- COST O(tags)
-- COMMANDS TIME, HMGET, HSET, MGET, GETRANGE, SET, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lasting, tokens, put, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- Tokens for what is written: they grow, by the server's time or, where that is behind, by one.
-- token(): a new one
-- generation(): the one there is, or one that begins
-- stamp(text, till): as lasting, for tags that may have no token yet
-- close(): keeps what was made
local isNew = false
local function token()
  m.last, isNew = math.max(m.last + 1, micros), true
  return pad(m.last)
end
local function generation()
  if not m.generation then m.generation, isNew = ARGV[2], true end
  return m.generation
end
local function stamp(text, till)
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    if not known[tag] then known[tag] = token() .. pad(0) end
  end
  return lasting(text, till)
end
local function close()
  if isNew then call('HSET', KEYS[2], 'format', '1', 'generation', generation(), 'last', pad(m.last)) end
end
-- An entry is its key, its terms and its body. Terms are "<ms to live> <1 where it is sliding, else 0> <ms it is kept for a load after
-- that> <tags with spaces between>".
-- tagsIn(terms)
-- put(key, terms, body): a value, written; its tags have been learnt. Not to live at all: what was there goes.
-- Those that are written together mostly differ in key and body alone: what else stands in their heads is made once.
local was = {}
local function tagsIn(terms) return string.match(terms, '^%S+ %d %S+ (.*)$') end
local function put(key, terms, body)
  if terms ~= was.terms then
    local ttl, slides, stale, tags = string.match(terms, '^(%S+) (%d) (%S+) (.*)$')
    was = { terms = terms, isGone = tonumber(ttl) <= 0 }
    if not was.isGone then
      local expires = math.min(now + ttl, forever)
      local slide = slides == '1' and tonumber(ttl) or 0
      was.gone, was.before = math.min(expires + stale, forever), '1' .. pad(expires)
      was.after = pad(stale) .. pad(slide) .. generation() .. stamp(tags, was.gone) .. '\\n'
    end
  end
  if was.isGone then return call('DEL', base .. ':v:' .. key) end
  store(base .. ':v:' .. key, was.before .. token() .. was.after .. body, was.gone)
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key = ARGV[3]
local value = heads({ key })[1]
learn({ tagsOf(value), ARGV[6] and tagsIn(ARGV[6]) })
local left = kept(value)
local version = left and left > 0 and sub(value, 18, 33) or ''
if version ~= ARGV[4] then return { '', 0 } end
find({ key })
if ARGV[5] then put(ARGV[5], ARGV[6], ARGV[7]) else call('DEL', base .. ':v:' .. key) end
drop(key)
close()
settle()
return { '', 1 }
`
})

/** Removes those of some keys that nobody can read any more. Returns {format} of newer data, else {""} Cost: O(names + tags) */
export const cacheSweep = Script.make({
  name: "Cache/sweep",
  adds: false,
  sha: "11b71192b270c099ca8bf8278fcd8c57e73ee8ec",
  keys: ["part", "meta"],
  args: ["now"],
  variadic: "names",
  commands: ["TIME", "HMGET", "MGET", "GETRANGE", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Removes those of some keys that nobody can read any more.
-- KEYS[1] part      as in read
-- KEYS[2] meta      as in read
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2...] names  v:<key>, l:<key>, t:<tag>
-- RETURNS {format} of newer data, else {""}
-- COST O(names + tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local of, texts, doomed = { v = {}, l = {}, t = {} }, {}, {}
for i = 2, #ARGV do
  local kind = of[sub(ARGV[i], 1, 1)]
  if kind then kind[#kind + 1] = sub(ARGV[i], 3) end
end
local values, tokens = heads(of.v), fetch(':t:', of.t)
for i = 1, #values do texts[i] = tagsOf(values[i]) end
learn(texts)
learn(find(of.l))
for i, value in ipairs(values) do
  if value and sub(value, 1, 1) == '1' and not kept(value) then doomed[#doomed + 1] = base .. ':v:' .. of.v[i] end
end
for i, token in ipairs(tokens) do
  if token and tonumber(sub(token, 17)) <= now then doomed[#doomed + 1] = base .. ':t:' .. of.t[i] end
end
for _, key in ipairs(of.l) do
  if not holder(key) then drop(key) end
end
if #doomed > 0 then call('DEL', unpack(doomed)) end
settle()
return { '' }
`
})

/** Reads and removes a value; a load that is under way may store no more. Returns {format} of newer data, else {"", now, value or false} Cost: O(tags) */
export const cacheTake = Script.make({
  name: "Cache/take",
  adds: false,
  sha: "07eb4431e048a69f753a8bf512f9de24c72040d6",
  keys: ["part", "meta"],
  args: ["now", "key", "version"],
  commands: ["TIME", "HMGET", "MGET", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Reads and removes a value; a load that is under way may store no more.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] key      of the value
-- ARGV[3] version  any; or what is there is taken only if it is of that one, empty: if nothing is there
-- RETURNS {format} of newer data, else {"", now, value or false}
-- COST O(tags)
-- COMMANDS TIME, HMGET, MGET, DEL, SPUBLISH
-- PARTS ground, tags, value, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key = ARGV[2]
local value = fetch(':v:', { key })[1]
find({ key })
learn({ tagsOf(value) })
local left = kept(value)
local version = left and left > 0 and sub(value, 18, 33) or ''
if ARGV[3] ~= 'any' and ARGV[3] ~= version then return { '', int(now), false } end
if value then call('DEL', base .. ':v:' .. key) end
drop(key)
settle()
return { '', int(now), left and left > 0 and value }
`
})

/** Has a value live so long from now, and from each reading on where it is sliding; not at all: removes it. Returns {format} of newer data, else {"", 1}, or {"", 0} where it is not there Cost: O(tags) */
export const cacheTouch = Script.make({
  name: "Cache/touch",
  adds: false,
  sha: "94f3e6f6f5b8fd07bec1e6c19866d0964d995bc3",
  keys: ["part", "meta"],
  args: ["now", "key", "ttl"],
  commands: ["TIME", "HMGET", "MGET", "GETRANGE", "SET", "SETRANGE", "PEXPIREAT", "PERSIST", "DEL", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Has a value live so long from now, and from each reading on where it is sliding; not at all: removes it.
-- KEYS[1] part  as in read
-- KEYS[2] meta  as in read
-- ARGV[1] now   ms since 1970; empty: the server's own clock
-- ARGV[2] key   of the value
-- ARGV[3] ttl   ms
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where it is not there
-- COST O(tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE, SET, SETRANGE, PEXPIREAT, PERSIST, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lasting, prolong, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- prolong(key, value, ttl): it lives so long from now, and with it the tokens of its tags; gives it as it is then.
local function prolong(key, value, ttl)
  local expires, name = math.min(now + ttl, forever), base .. ':v:' .. key
  local gone, text = math.min(expires + sub(value, 34, 49), forever), pad(expires)
  if sub(value, 2, 17) == text then return value end
  call('SETRANGE', name, 1, text)
  if isPhysical and gone < forever then call('PEXPIREAT', name, int(gone)) elseif isPhysical then call('PERSIST', name) end
  lasting(tagsOf(value), gone)
  return '1' .. text .. sub(value, 18)
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key, ttl = ARGV[2], tonumber(ARGV[3])
local value = heads({ key })[1]
learn({ tagsOf(value) })
local left = kept(value)
local isThere = left and left > 0
if ttl <= 0 then
  find({ key })
  call('DEL', base .. ':v:' .. key)
  drop(key)
  settle()
elseif isThere then
  if tonumber(sub(value, 50, 65)) > 0 then call('SETRANGE', base .. ':v:' .. key, 49, pad(ttl)) end
  prolong(key, value, ttl)
end
return { '', isThere and 1 or 0 }
`
})

/** Gives a lock back, where it is its owner's, and tells whoever has asked for it meanwhile. Returns {format} of newer data, else {"", 1 or 0}: has anybody? Cost: O(log locks) */
export const cacheUnlock = Script.make({
  name: "Cache/unlock",
  adds: false,
  sha: "9400dd27428a04eaba633b58542c843005cc6fb7",
  keys: ["part", "meta"],
  args: ["now", "name", "owner"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "HDEL", "ZADD", "ZREM", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- Gives a lock back, where it is its owner's, and tells whoever has asked for it meanwhile.
-- KEYS[1] part   of the locks, which all their keys begin with: as a region's
-- KEYS[2] meta   hash: format, the last fence that was given, the first one
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] name   of the lock, percent-encoded
-- ARGV[3] owner  whoever asks, percent-encoded
-- RETURNS {format} of newer data, else {"", 1 or 0}: has anybody?
-- COST O(log locks)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZADD, ZREM, SPUBLISH
-- PARTS ground, locks
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Locks. \`:held\` is a hash of name -> until when it is held (16 digits), 1 where somebody waits for it, else 0, fence (16 digits),
-- owner; \`:until\` has the names by until when. Nothing of them has a time to live of Redis' own: no eviction takes what is held.
-- find(name): what is kept of it, its time over or not, with \`ends\`, \`awaited\`, \`fence\`, \`owner\`; nil: nothing is
-- keep(name, ends, awaited, fence, owner): it is held until then
-- free(name): it is not
-- first(): the first fence that was given since there is data, or nil
-- seen(fence): none that is given later is as low
local function find(name)
  local text = call('HGET', base .. ':held', name)
  if not text then return nil end
  return { ends = tonumber(sub(text, 1, 16)), awaited = sub(text, 17, 17), fence = sub(text, 18, 33), owner = sub(text, 34) }
end
local function keep(name, ends, awaited, fence, owner)
  call('HSET', base .. ':held', name, pad(ends) .. awaited .. fence .. owner)
  call('ZADD', base .. ':until', int(ends), name)
end
local function free(name)
  call('HDEL', base .. ':held', name)
  call('ZREM', base .. ':until', name)
end
local function first() return tonumber(call('HGET', KEYS[2], 'first') or nil) end
local function seen(fence)
  m.last = math.max(m.last, fence)
  call('HSET', KEYS[2], 'format', '1', 'last', pad(m.last))
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local held = find(ARGV[2])
if not held or held.owner ~= ARGV[3] or held.ends <= now then return { '', 0 } end
free(ARGV[2])
if held.awaited == '1' then call('SPUBLISH', base, ARGV[2]) end
return { '', tonumber(held.awaited) }
`
})

/** Writes values in their order; a load that is under way may store no more. Returns {format} of newer data, else {"", 1 or 0, ...}: was it written? Cost: O(entries + tags) */
export const cacheWrite = Script.make({
  name: "Cache/write",
  adds: true,
  sha: "2af25470089c47abdfc9de18758606e0eafdbceb",
  keys: ["part", "meta"],
  args: ["now", "fresh", "when"],
  variadic: "entries",
  commands: ["TIME", "HMGET", "HSET", "MGET", "GETRANGE", "SET", "DEL", "SPUBLISH"],
  source: `#!lua
-- Writes values in their order; a load that is under way may store no more.
-- KEYS[1] part         as in read
-- KEYS[2] meta         as in read
-- ARGV[1] now          ms since 1970; empty: the server's own clock
-- ARGV[2] fresh        a name of 16 characters for a generation, should one begin
-- ARGV[3] when         Absent: only what is not there; else Always
-- ARGV[4...] entries   key, terms, body, ...: as parts/put.lua says
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: was it written?
-- COST O(entries + tags)
-- COMMANDS TIME, HMGET, HSET, MGET, GETRANGE, SET, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lasting, tokens, put, lease
-- Time, a part of a region, and what its meta says: a hash of format, generation, last token given. Without a generation nothing
-- of the part can be read, and no two that it ever had are called the same.
-- call, sub, base: redis.call, string.sub, and the part's key, which all others begin with
-- now, micros, isPhysical: the server's time in ms and in µs; is it its own? Then whatever ends is given a time to live, too
-- forever: ms since 1970 of what has no end
-- int(number), pad(number): its text, whole; the same in 16 digits
-- open(part, meta): begins with a part; false: the data is of a newer format
-- m: format, generation, last
local call, sub, base, m = redis.call, string.sub, '', {}
local now, micros, forever = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000'), 9007199254740991
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
-- In two halves of 31 bits: every build of Lua writes those with a processor's own arithmetic, a long one many times slower.
local function pad(number)
  local high = math.floor(number / 100000000)
  return string.format('%08d%08d', high, number - high * 100000000)
end
local function open(part, meta)
  local v = call('HMGET', meta, 'format', 'generation', 'last')
  base, m = part, { format = v[1] or '1', generation = v[2], last = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Tags. \`:t:<tag>\` holds its token, and until when something may carry it, each in 16 digits. What carries tags says so as
-- " <tag>=<token>" for each; what is to carry them names them with spaces between. No encoded tag has a space or a "=".
-- fetch(kind, keys): what is kept of each key, false where there is nothing
-- learn(texts): looks up all tags that these texts name
-- holds(text): each tag that it names still has the token of then
local known, verdicts = {}, {}
local function fetch(kind, keys)
  local names = {}
  for i = 1, #keys do names[i] = base .. kind .. keys[i] end
  return #names > 0 and call('MGET', unpack(names)) or {}
end
local function learn(texts)
  local tags, last = {}, ''
  for i = 1, #texts do
    local text = texts[i] ~= last and texts[i] or ''
    last = texts[i]
    for tag in string.gmatch(text, '([^ =]+)=?%d*') do
      if known[tag] == nil then known[tag], tags[#tags + 1] = false, tag end
    end
  end
  for from = 1, #tags, 1000 do
    local some = { unpack(tags, from, math.min(from + 999, #tags)) }
    for i, found in ipairs(fetch(':t:', some)) do
      if found and tonumber(sub(found, 17)) > now then known[some[i]] = found end
    end
  end
end
local function holds(text)
  -- Many say the same of their tags, and no token that is there is given up for another.
  local verdict = verdicts[text]
  if verdict ~= nil then return verdict end
  verdict = true
  for tag, token in string.gmatch(text, '([^ =]+)=(%d+)') do
    if not known[tag] or sub(known[tag], 1, 16) ~= token then verdict = false end
  end
  verdicts[text] = verdict
  return verdict
end
-- A value, in one string: its head is read and rewritten by position, its body is kept as it is. All times in 16 digits.
--
--   1       format: 1
--   2..17   expires at, ms since 1970; forever: never
--   18..33  version: the token of this writing
--   34..49  how long it is there for a load after that, ms
--   50..65  sliding: how long each reading has it live, ms; else 0
--   66..81  the generation of its part when it was written
--   82...   " <tag>=<token>" for each tag, LF, body
--
-- tagsOf(value): what it says of its tags, which are to be learnt before anything is asked of it
-- kept(value): how long it has to live, ms; zero or less: it is there for a load; nil: for nobody
local function tagsOf(value)
  if not value or string.byte(value, 82) == 10 then return '' end
  return sub(value, 82, string.find(value, '\\n', 82, true) - 1)
end
local function kept(value)
  if not value or sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation then return nil end
  if not holds(tagsOf(value)) then return nil end
  local expires = tonumber(sub(value, 2, 17))
  if expires == forever then return forever end
  local left = expires - now
  return (left > 0 or left + tonumber(sub(value, 34, 49)) > 0) and left or nil
end
-- heads(keys): of each value no more than what its body stands behind, false where there is none. For whoever does not give the
-- bodies away: many large ones would hold the server up.
local function heads(keys)
  local all = {}
  for i, key in ipairs(keys) do
    local head = call('GETRANGE', base .. ':v:' .. key, 0, 255)
    if #head == 256 and not string.find(head, '\\n', 82, true) then
      -- 64 tags of 512 bytes, percent-encoded, are shorter.
      head = call('GETRANGE', base .. ':v:' .. key, 0, 131071)
    end
    all[i] = head ~= '' and head
  end
  return all
end
-- What is kept until a time, and how long the tokens of tags last: at least as long as anything that carries them. They are
-- given a day more than is asked for, so that not each writing has to write them, too.
-- store(key, value, till): keeps it
-- lasting(text, till): the tokens of the tags that are named there last until then; gives these tags with their tokens
local lastTill, lastText = nil, ''
local function store(key, value, till)
  if not isPhysical or till >= forever then return call('SET', key, value) end
  if till ~= lastTill then lastTill, lastText = till, int(till) end
  call('SET', key, value, 'PXAT', lastText)
end
local function lasting(text, till)
  local out = ''
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    local token = sub(known[tag], 1, 16)
    if tonumber(sub(known[tag], 17)) < till then
      local lasts = math.min(till + 86400000, forever)
      known[tag] = token .. pad(lasts)
      store(base .. ':t:' .. tag, known[tag], lasts)
    end
    out = out .. ' ' .. tag .. '=' .. token
  end
  return out
end
-- Tokens for what is written: they grow, by the server's time or, where that is behind, by one.
-- token(): a new one
-- generation(): the one there is, or one that begins
-- stamp(text, till): as lasting, for tags that may have no token yet
-- close(): keeps what was made
local isNew = false
local function token()
  m.last, isNew = math.max(m.last + 1, micros), true
  return pad(m.last)
end
local function generation()
  if not m.generation then m.generation, isNew = ARGV[2], true end
  return m.generation
end
local function stamp(text, till)
  for tag in string.gmatch(text, '([^ =]+)=?%d*') do
    if not known[tag] then known[tag] = token() .. pad(0) end
  end
  return lasting(text, till)
end
local function close()
  if isNew then call('HSET', KEYS[2], 'format', '1', 'generation', generation(), 'last', pad(m.last)) end
end
-- An entry is its key, its terms and its body. Terms are "<ms to live> <1 where it is sliding, else 0> <ms it is kept for a load after
-- that> <tags with spaces between>".
-- tagsIn(terms)
-- put(key, terms, body): a value, written; its tags have been learnt. Not to live at all: what was there goes.
-- Those that are written together mostly differ in key and body alone: what else stands in their heads is made once.
local was = {}
local function tagsIn(terms) return string.match(terms, '^%S+ %d %S+ (.*)$') end
local function put(key, terms, body)
  if terms ~= was.terms then
    local ttl, slides, stale, tags = string.match(terms, '^(%S+) (%d) (%S+) (.*)$')
    was = { terms = terms, isGone = tonumber(ttl) <= 0 }
    if not was.isGone then
      local expires = math.min(now + ttl, forever)
      local slide = slides == '1' and tonumber(ttl) or 0
      was.gone, was.before = math.min(expires + stale, forever), '1' .. pad(expires)
      was.after = pad(stale) .. pad(slide) .. generation() .. stamp(tags, was.gone) .. '\\n'
    end
  end
  if was.isGone then return call('DEL', base .. ':v:' .. key) end
  store(base .. ':v:' .. key, was.before .. token() .. was.after .. body, was.gone)
end
-- Leases of loads. \`:l:<key>\` holds until when it is (16 digits), 1 where somebody has waited for it, else 0, the generation it
-- was taken in, a space, whose it is, and " <tag>=<token>" for each tag.
-- find(keys): looks them up; gives what they say of tags, to be learnt before anything is asked of them
-- holder(key): whose it is; nil where nobody may store
-- own(key, who): it is theirs, and they may store; one of theirs that may not is over
-- drop(key): it is over; settle(): takes what is over away, and tells whoever has waited
local leases, over, awaited = {}, {}, {}
local function find(keys)
  local texts = {}
  for i, lease in ipairs(fetch(':l:', keys)) do
    leases[keys[i]] = lease
    texts[i] = lease and string.match(lease, '^%S+ %S+(.*)$') or ''
  end
  return texts
end
local function holder(key)
  local lease = leases[key]
  if not lease or tonumber(sub(lease, 1, 16)) <= now or sub(lease, 18, 33) ~= m.generation then return nil end
  local who, tags = string.match(lease, '^%S+ (%S+)(.*)$')
  return holds(tags) and who or nil
end
local function drop(key)
  local lease = leases[key]
  if not lease then return end
  leases[key], over[#over + 1] = false, key
  if sub(lease, 17, 17) == '1' then awaited[#awaited + 1] = key end
end
local function own(key, who)
  local lease = leases[key]
  if not lease or string.match(lease, '^%S+ (%S+)') ~= who then return false end
  if holder(key) then return true end
  drop(key)
  return false
end
local function settle()
  for _, key in ipairs(over) do
    -- Another load may have taken it since.
    if not leases[key] then call('DEL', base .. ':l:' .. key) end
  end
  if #awaited > 0 then call('SPUBLISH', base, table.concat(awaited, ' ')) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, texts, reply = {}, {}, { '' }
for i = 4, #ARGV, 3 do
  keys[#keys + 1] = ARGV[i]
  if ARGV[i + 1] ~= ARGV[i - 2] then texts[#texts + 1] = tagsIn(ARGV[i + 1]) end
end
find(keys)
learn(texts)
for i = 4, #ARGV, 3 do
  local key, left = ARGV[i], nil
  if ARGV[3] == 'Absent' then
    local value = heads({ key })[1]
    learn({ tagsOf(value) })
    left = kept(value)
  end
  if left and left > 0 then reply[#reply + 1] = 0
  else
    put(key, ARGV[i + 1], ARGV[i + 2])
    drop(key)
    reply[#reply + 1] = 1
  end
end
close()
settle()
return reply
`
})

/** Does to a room what is asked for, in this order, with nothing of others in between. Returns {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "", outcome, ...}: J<joined at>, T<peer> <its name>, G, N, D, sequence of a word in this epoch, E<epoch> <sequence> of one that was said before Cost: O(actions) */
export const chatAct = Script.make({
  name: "Chat/act",
  adds: true,
  sha: "38fccb76fd30c91611a212f2ee3aa78bc49af1a0",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "publisher", "peer", "grace", "size", "ttl"],
  variadic: "actions",
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "EXISTS",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZREMRANGEBYRANK",
    "XADD",
    "XRANGE",
    "XREVRANGE",
    "XTRIM",
    "PTTL",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua
-- Does to a room what is asked for, in this order, with nothing of others in between.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  name of the asking peer, encoded
-- ARGV[5] peer       its id, encoded
-- ARGV[6] grace      ms that a Left is held back
-- ARGV[7] size       words that the history keeps; empty: there is none
-- ARGV[8] ttl        ms that it keeps them
-- ARGV[9...] actions J, id, ref, details, peer that may be taken over; U, id, ref, details, nothing; L, id, ref, nothing, nothing;
-- R, id, nothing, nothing, nothing; S, from, ref, payload, dedupe key; ... All but details and payload are encoded or empty
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "",
-- outcome, ...}: J<joined at>, T<peer> <its name>, G, N, D, sequence of a word in this epoch, E<epoch> <sequence> of one that was said before
-- COST O(actions)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZREM, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYRANK, XADD, XRANGE, XREVRANGE, XTRIM, PTTL, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving, ending, shorten, history, words, places
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
-- What ends a membership, as an action: its answer is D for done, N for no such member.
-- depart(id, ref, grace), expel(id)
local function depart(id, ref, grace)
  local seat = find(id)
  if seat and seat.ref == ref then leave(id, seat, 'L', grace) end
  return 'D'
end
local function expel(id)
  local seat = find(id)
  if not seat then return 'N' end
  go(id, seat, 'R')
  return 'D'
end
-- shorten(key, least): takes out entries of words of which none is to stay: before whose end no more than so many were kept.
-- What one step has no time for, the next ones do: more than one can add
local function shorten(key, least)
  local count = 3
  for _ = 1, 16 do
    local oldest, from = call('XRANGE', key, '-', '+', 'COUNT', count), 1
    while oldest[from + 1] and tonumber(oldest[from + 1][2][10]) <= least do from = from + 1 end
    if from > 1 then call('XTRIM', key, 'MINID', oldest[from][1]) end
    if from < count then return end
    count = math.min(2 * count, 96)
  end
end
-- The words of a step. \`:words\` is a stream like the log's of those that stay, where there is a history: an entry for each run of
-- a step's words that follow each other, with k, how many had been kept before its first.
-- speak(words, count, size): so many, a line each, of which the history keeps so many; no size: there is none
-- keep(size, ttl): the last of what a step does to them
local runs = {}
local function speak(words, count, size)
  append(words, count)
  m.words = m.words + count
  if not size then return end
  local run = runs[#runs]
  if not run or run.first + run.count <= m.sequence - count then
    run = { first = m.sequence - count + 1, count = 0, number = m.words - count + 1, before = m.kept, words = {} }
    runs[#runs + 1] = run
  end
  run.words[#run.words + 1] = words
  run.count, m.kept = run.count + count, m.kept + count
end
local function keep(size, ttl)
  local key = base .. ':words'
  for _, run in ipairs(runs) do
    write(key, run.first, table.concat(run.words, '\\n'), run.count, 'n', int(run.number), 'k', int(run.before))
  end
  if #runs > 0 then
    shorten(key, m.kept - size)
    -- Never less than what another definition of the room has asked for.
    if isPhysical and call('PTTL', key) < ttl + 1000 then call('PEXPIRE', key, int(ttl + 1000)) end
  end
end
-- What is said, one word at a time. \`:keys\` is a sorted set of "<who said it> <dedupe key>" by the sequence of that word.
-- say(from, text, key, size, ttl): a word. Gives its sequence, or "E<epoch> <sequence>" of the one that its key stands for
-- forgetKeys(size): the last of what a step does to keys
local isKeyed = false
-- Whose it is, where it is not too old; for those that stay, how many were kept up to it.
local function place(key, sequence, ttl)
  local entry = call('XREVRANGE', key, int(sequence), '-', 'COUNT', 1)[1]
  local behind = entry and sequence - tonumber(string.match(entry[1], '%d+'))
  if not entry or behind >= tonumber(entry[2][6]) then return nil end
  local epoch, at = string.match(entry[2][2], '^(%S+) (%d+)')
  return tonumber(at) > m.at - ttl and epoch or nil, tonumber(entry[2][10] or 0) + behind + 1
end
local function known(member, size, ttl)
  local sequence = tonumber(call('ZSCORE', base .. ':keys', member) or '')
  if not sequence then return nil end
  local epoch = sequence >= first and m.epoch or sequence > m.sequence - 1000 and place(logged, sequence, 300000)
  if not epoch and size then
    local kept, ordinal = place(base .. ':words', sequence, ttl)
    epoch = kept and ordinal > m.kept - size and kept
  end
  return epoch and 'E' .. epoch .. ' ' .. int(sequence)
end
local function say(from, text, key, size, ttl)
  local member = key ~= '' and from .. ' ' .. key
  local said = member and known(member, size, ttl)
  if said then return said end
  speak('S ' .. from .. ' ' .. text, 1, size)
  if member then
    call('ZADD', base .. ':keys', int(m.sequence), member)
    isKeyed = true
  end
  return m.sequence
end
local function forgetKeys(size)
  if isKeyed then call('ZREMRANGEBYRANK', base .. ':keys', 0, -1 - math.max(1000, size or 0)) end
end
-- Who may take a place and who has one, as actions.
-- speaker(id, ref): the seat of this membership, if its peer is not fenced
-- join(peer, name, id, ref, details, over, grace): J<joined at>, T<peer in the way> <its name>, G for the fenced
-- update(id, ref, details): D, or N for no such membership
local fences = {}
local function isFenced(peer)
  if fences[peer] == nil then fences[peer] = call('ZSCORE', base .. ':fenced', peer) and true or false end
  return fences[peer]
end
local function speaker(id, ref)
  local seat = find(id)
  return seat and seat.ref == ref and not isFenced(seat.peer) and seat or nil
end
local function join(peer, name, id, ref, details, over, grace)
  if isFenced(peer) then return 'G' end
  local known = find(id)
  local joined = known and string.match(known.tail, '^%S+ (%d+)') or int(m.at)
  if known and known.ref == ref then return 'J' .. joined end
  if known and not isHeld(known) and known.peer ~= over then return 'T' .. known.peer .. ' ' .. string.match(known.tail, '^%S+') end
  if known and isHeld(known) then unhold(id) elseif known then quit(id, known) end
  local seat = { ref = ref, peer = peer, tail = name .. ' ' .. joined .. ' ' .. details }
  m.grace = grace
  put(id, seat)
  append((known and 'U ' or 'J ') .. id .. ' ' .. seat.tail, 1)
  enter(id, seat, int(m.sequence))
  return 'J' .. joined
end
local function update(id, ref, details)
  local seat = speaker(id, ref)
  if not seat then return 'N' end
  local head = string.match(seat.tail, '^%S+ %d+ ')
  seat.tail = head .. details
  put(id, seat)
  append('U ' .. id .. ' ' .. seat.tail, 1)
  return 'D'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
local peer, name, grace, size, ttl = ARGV[5], ARGV[4], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local reply = { '', m.epoch, run, '' }
for i = 9, #ARGV, 5 do
  local kind, id, ref = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local outcome
  if kind == 'S' then outcome = (ref == '' or speaker(id, ref)) and say(id, ARGV[i + 3], ARGV[i + 4], size, ttl) or 'N'
  elseif kind == 'J' then outcome = join(peer, name, id, ref, ARGV[i + 3], ARGV[i + 4], grace)
  elseif kind == 'U' then outcome = update(id, ref, ARGV[i + 3])
  elseif kind == 'L' then outcome = depart(id, ref, grace)
  else outcome = expel(id) end
  reply[#reply + 1] = outcome
end
keep(size, ttl)
forgetKeys(size)
reply[4] = due()
finish()
return reply
`
})

/** Has a peer that is gone enter no more rooms, and names some that it has places in. Returns {format} of newer data, else {"", room, ...}: any of them, so that one that cannot be swept is in nobody's way Cost: O(count) */
export const chatBury = Script.make({
  name: "Chat/bury",
  adds: false,
  sha: "8bd27dbb32ad85b4e0739d9677d3fae713b7791a",
  keys: ["index", "meta"],
  args: ["now", "peer", "grave", "count"],
  commands: ["TIME", "HMGET", "ZADD", "ZREMRANGEBYSCORE", "SRANDMEMBER"],
  source: `#!lua flags=allow-oom
-- Has a peer that is gone enter no more rooms, and names some that it has places in.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] peer   its id, encoded
-- ARGV[3] grave  ms that it is known to be gone
-- ARGV[4] count  of rooms
-- RETURNS {format} of newer data, else {"", room, ...}: any of them, so that one that cannot be swept is in nobody's way
-- COST O(count)
-- COMMANDS TIME, HMGET, ZADD, ZREMRANGEBYSCORE, SRANDMEMBER
-- PARTS index
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
call('ZREMRANGEBYSCORE', base .. ':gone', '-inf', '(' .. int(now - ARGV[3]))
call('ZADD', base .. ':gone', int(now), ARGV[2])
local reply = call('SRANDMEMBER', base .. ':of:' .. ARGV[2], ARGV[4])
table.insert(reply, 1, '')
return reply
`
})

/** Makes a room where there is none. A log that another one has left goes on; one that begins does so behind a D. Returns {format} of newer data, else {"", 1}, or {"", 0} where there is one Cost: O(1) */
export const chatCreate = Script.make({
  name: "Chat/create",
  adds: true,
  sha: "051a0aebe1fa2db2d715d99f8e1573f0aea60c51",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "listed"],
  commands: ["INFO", "TIME", "HMGET", "HSET", "PERSIST", "UNLINK"],
  source: `#!lua
-- Makes a room where there is none. A log that another one has left goes on; one that begins does so behind a D.
-- KEYS[1] room  what all keys of it begin with, and the shard channel of its frames
-- KEYS[2] meta  hash, as in parts/ground
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] run     the server's run id; empty: the server is asked
-- ARGV[3] fresh   name of an epoch, should one begin
-- ARGV[4] listed  what is kept of it for whoever destroys it
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where there is one
-- COST O(1)
-- COMMANDS INFO, TIME, HMGET, HSET, PERSIST, UNLINK
-- PARTS ground
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif m.exists then return { '', 0 } end
if m.epoch then call('HSET', KEYS[2], 'exists', ARGV[4])
else
  -- Who is fenced stays so: that is of the peer.
  for _, part in ipairs({ 'log', 'words', 'keys', 'members', 'leaving', 'peers' }) do call('UNLINK', base .. ':' .. part) end
  call('HSET', KEYS[2], 'format', '1', 'epoch', ARGV[3], 'run', run, 'sequence', '1', 'at', int(now), 'past', '', 'exists', ARGV[4],
    'since', '1', 'sinceAt', int(now), 'words', '0', 'kept', '0', 'grace', '0')
end
if isPhysical then
  call('PERSIST', KEYS[2])
  call('PERSIST', base .. ':fenced')
end
return { '', 1 }
`
})

/** Ends a room and all memberships in it. What is left for ten minutes is its log, and for an hour who is fenced. Returns {format} of newer data, {""} where there is none, else {"", what it was created with} Cost: O(peers, and those whose time to leave has come): what its members had is freed behind the server's back */
export const chatDestroy = Script.make({
  name: "Chat/destroy",
  adds: false,
  sha: "fad6df51a266bb8b6d310d03027a3a9dc0baa35a",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "publisher"],
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "EXISTS",
    "SADD",
    "SREM",
    "SMEMBERS",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "UNLINK",
    "XADD",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Ends a room and all memberships in it. What is left for ten minutes is its log, and for an hour who is fenced.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  percent-encoded
-- RETURNS {format} of newer data, {""} where there is none, else {"", what it was created with}
-- COST O(peers, and those whose time to leave has come): what its members had is freed behind the server's back
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, SMEMBERS, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, UNLINK, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
append('D', 1)
finish()
for _, peer in ipairs(call('SMEMBERS', base .. ':peers')) do call('UNLINK', base .. ':of:' .. peer) end
call('UNLINK', base .. ':peers', base .. ':members', base .. ':leaving', base .. ':words', base .. ':keys')
call('HSET', KEYS[2], 'since', int(m.sequence), 'sinceAt', int(m.at))
call('HDEL', KEYS[2], 'exists')
if isPhysical then
  call('PEXPIRE', KEYS[2], 600000)
  call('PEXPIRE', base .. ':log', 600000)
  call('PEXPIRE', base .. ':fenced', 3600000)
end
return { '', m.exists }
`
})

/** Notes that a peer has, or will have, places in some rooms. Returns {format} of newer data, else {"", 1 where the peer is gone else 0, name of the index in this life} Cost: O(rooms) */
export const chatEnter = Script.make({
  name: "Chat/enter",
  adds: true,
  sha: "0da56e2d381dfdaf109a152af10d731db9f30254",
  keys: ["index", "meta"],
  args: ["now", "run", "fresh", "peer", "grave"],
  variadic: "rooms",
  commands: ["INFO", "TIME", "HMGET", "HSET", "ZSCORE", "SADD"],
  source: `#!lua
-- Notes that a peer has, or will have, places in some rooms.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  a name for the index, should it have lost something
-- ARGV[4] peer   its id, encoded
-- ARGV[5] grave  ms that a peer is known to be gone
-- ARGV[6...] rooms
-- RETURNS {format} of newer data, else {"", 1 where the peer is gone else 0, name of the index in this life}
-- COST O(rooms)
-- COMMANDS INFO, TIME, HMGET, HSET, ZSCORE, SADD
-- PARTS index
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local run, peer, life = ARGV[2], ARGV[4], m.life
if run == '' then run = string.match(call('INFO', 'server'), 'run_id:(%w+)') end
-- Another server, or this one after it was away, has perhaps not heard of everything.
if not life or m.run ~= run then
  life = ARGV[3]
  call('HSET', KEYS[2], 'format', '1', 'life', life, 'run', run)
end
local since = call('ZSCORE', base .. ':gone', peer)
if since and now - since <= tonumber(ARGV[5]) then return { '', 1, life } end
for i = 6, #ARGV do call('SADD', base .. ':of:' .. peer, ARGV[i]) end
if #ARGV >= 6 then call('SADD', base .. ':peers', peer) end
return { '', 0, life }
`
})

/** Notes that a peer has no places in some rooms any more. Returns {format} of newer data, else {""} Cost: O(rooms) */
export const chatExit = Script.make({
  name: "Chat/exit",
  adds: false,
  sha: "d97eae28195de39a16220d7d6a24f984b064289f",
  keys: ["index", "meta"],
  args: ["now", "peer"],
  variadic: "rooms",
  commands: ["TIME", "HMGET", "EXISTS", "SREM"],
  source: `#!lua flags=allow-oom
-- Notes that a peer has no places in some rooms any more.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now   ms since 1970; empty: the server's own clock
-- ARGV[2] peer  its id, encoded
-- ARGV[3...] rooms
-- RETURNS {format} of newer data, else {""}
-- COST O(rooms)
-- COMMANDS TIME, HMGET, EXISTS, SREM
-- PARTS index
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local mine = base .. ':of:' .. ARGV[2]
for i = 3, #ARGV do call('SREM', mine, ARGV[i]) end
if call('EXISTS', mine) == 0 then call('SREM', base .. ':peers', ARGV[2]) end
return { '' }
`
})

/** Which peers have open places in a room, and some of those of one of them, in the order in which they began. Returns {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "", cursor, how many peers, peer, ..., "<id> <ref>", ...}; an empty cursor: that was the last page Cost: O(count + most, and those whose time to leave has come) */
export const chatHolders = Script.make({
  name: "Chat/holders",
  adds: false,
  sha: "b8b072fc9ca152b2a7623df894aba1a0d9fb455f",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "peer", "after", "count", "most"],
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "EXISTS",
    "SADD",
    "SREM",
    "SRANDMEMBER",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "XADD",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Which peers have open places in a room, and some of those of one of them, in the order in which they began.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  name of an epoch, should one begin
-- ARGV[4] peer   its id, encoded
-- ARGV[5] after  cursor of the page before; empty: there is none
-- ARGV[6] count  of its places
-- ARGV[7] most   peers, which are named on the first page alone
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "",
-- cursor, how many peers, peer, ..., "<id> <ref>", ...}; an empty cursor: that was the last page
-- COST O(count + most, and those whose time to leave has come)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, SRANDMEMBER, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin('-')
letGo()
local next, count = due(), tonumber(ARGV[6])
finish()
local peers = ARGV[5] == '' and call('SRANDMEMBER', base .. ':peers', ARGV[7]) or {}
local from = ARGV[5] == '' and '-inf' or '(' .. ARGV[5]
local found = call('ZRANGEBYSCORE', base .. ':of:' .. ARGV[4], from, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
local reply = { '', m.epoch, run, next, #found < 2 * count and '' or found[#found], #peers }
for _, peer in ipairs(peers) do reply[#reply + 1] = peer end
for i = 1, #found, 2 do reply[#reply + 1] = found[i] end
return reply
`
})

/** Ends memberships, and nothing else: what act does where all actions are of that kind, on a full server too. Returns as act Cost: O(actions) */
export const chatLeave = Script.make({
  name: "Chat/leave",
  adds: false,
  sha: "b7e0f6c6557979a6252ddce07bec07915a310a9e",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "publisher", "grace"],
  variadic: "actions",
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "EXISTS",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "XADD",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Ends memberships, and nothing else: what act does where all actions are of that kind, on a full server too.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  percent-encoded
-- ARGV[5] grace      ms that a Left is held back
-- ARGV[6...] actions L, id, ref or R, id, nothing; ...
-- RETURNS as act
-- COST O(actions)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving, ending
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
-- What ends a membership, as an action: its answer is D for done, N for no such member.
-- depart(id, ref, grace), expel(id)
local function depart(id, ref, grace)
  local seat = find(id)
  if seat and seat.ref == ref then leave(id, seat, 'L', grace) end
  return 'D'
end
local function expel(id)
  local seat = find(id)
  if not seat then return 'N' end
  go(id, seat, 'R')
  return 'D'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
local reply, grace = { '', m.epoch, run, '' }, tonumber(ARGV[5])
for i = 6, #ARGV, 3 do
  reply[#reply + 1] = ARGV[i] == 'L' and depart(ARGV[i + 1], ARGV[i + 2], grace) or ARGV[i] == 'R' and expel(ARGV[i + 1])
end
reply[4] = due()
finish()
return reply
`
})

/** Puts a room into the list of all. Returns {format} of newer data, else {"", its stamp}: the time in ms, or one more than the last that it had, where that is greater Cost: O(log rooms) */
export const chatList = Script.make({
  name: "Chat/list",
  adds: true,
  sha: "628d3e1897b571844fe792ead93f3bad6b03d999",
  keys: ["index", "meta"],
  args: ["now", "room"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "ZADD"],
  source: `#!lua
-- Puts a room into the list of all.
-- KEYS[1] index  what all keys of it begin with
-- KEYS[2] meta   hash, as in parts/index
-- ARGV[1] now   ms since 1970; empty: the server's own clock
-- ARGV[2] room
-- RETURNS {format} of newer data, else {"", its stamp}: the time in ms, or one more than the last that it had, where that is greater
-- COST O(log rooms)
-- COMMANDS TIME, HMGET, HGET, HSET, ZADD
-- PARTS index
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local last = tonumber(call('HGET', base .. ':stamps', ARGV[2]) or m.floor)
local stamp = int(math.max(now, last + 1))
call('HSET', KEYS[2], 'format', '1')
call('ZADD', base .. ':all', 0, ARGV[2])
call('HSET', base .. ':stamps', ARGV[2], stamp)
return { '', stamp }
`
})

/** How many are in a room, and where its log stands. Returns {format} of newer data, {""} where there is none, else {"", members, epoch, sequence} Cost: O(those whose time to leave has come) */
export const chatLook = Script.make({
  name: "Chat/look",
  adds: false,
  sha: "e54c00ee9c2463f4c76b73d70f5bb548a853bf45",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh"],
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "HLEN",
    "EXISTS",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "XADD",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- How many are in a room, and where its log stands.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  name of an epoch, should one begin
-- RETURNS {format} of newer data, {""} where there is none, else {"", members, epoch, sequence}
-- COST O(those whose time to leave has come)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, HLEN, EXISTS, SADD, SREM, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin('-')
letGo()
finish()
return { '', call('HLEN', base .. ':members'), m.epoch, int(m.sequence) }
`
})

/** Names some peers that have places, any of them. Returns {format} of newer data, else {"", peer, ...} Cost: O(count) */
export const chatPeers = Script.make({
  name: "Chat/peers",
  adds: false,
  sha: "5a8084d425cbc05e0107265575dc02d79abb8152",
  keys: ["index", "meta"],
  args: ["now", "count"],
  commands: ["TIME", "HMGET", "SRANDMEMBER"],
  source: `#!lua flags=allow-oom
-- Names some peers that have places, any of them.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] count
-- RETURNS {format} of newer data, else {"", peer, ...}
-- COST O(count)
-- COMMANDS TIME, HMGET, SRANDMEMBER
-- PARTS index
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = call('SRANDMEMBER', base .. ':peers', ARGV[2])
table.insert(reply, 1, '')
return reply
`
})

/** Takes those of some rooms out of the list of all that have stood there for long. Returns {format} of newer data, else {""} Cost: O(rooms) */
export const chatPrune = Script.make({
  name: "Chat/prune",
  adds: false,
  sha: "e0783e74617b9affbddc980840a6267a433819d3",
  keys: ["index", "meta"],
  args: ["now", "age"],
  variadic: "rooms",
  commands: ["TIME", "HMGET", "HGET", "HSET", "HDEL", "ZREM"],
  source: `#!lua flags=allow-oom
-- Takes those of some rooms out of the list of all that have stood there for long.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] age       ms
-- ARGV[3...] rooms
-- RETURNS {format} of newer data, else {""}
-- COST O(rooms)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZREM
-- PARTS index, takeOut
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
-- takeOut(room, stamp): off the list of all; whichever is put there anew gets a greater stamp
local function takeOut(room, stamp)
  call('HDEL', base .. ':stamps', room)
  call('ZREM', base .. ':all', room)
  m.floor = math.max(m.floor, tonumber(stamp))
  call('HSET', KEYS[2], 'format', '1', 'floor', int(m.floor))
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
for i = 3, #ARGV do
  local stamp = call('HGET', base .. ':stamps', ARGV[i])
  if stamp and now - stamp > tonumber(ARGV[2]) then takeOut(ARGV[i], stamp) end
end
return { '' }
`
})

/** Reads a page of a room's events from a place on, and says what is missing in it; also of a room that is not there. Returns {format} of newer data, else {"", epoch, sequence, end 0|1, gap reason or "", missed or "", sequence, h, texts, ...}: of each step those that are on this page, a line each, and the sequence of the first of them Cost: O(log n + limit); Last: O(entries of the log), too */
export const chatRead = Script.make({
  name: "Chat/read",
  adds: false,
  sha: "c4811501cf7f4c9c72664d55af4da3aaa132746c",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "size", "ttl", "from", "epoch", "number", "limit"],
  commands: ["INFO", "TIME", "HMGET", "HSET", "XRANGE", "XREVRANGE"],
  source: `#!lua flags=allow-oom
-- Reads a page of a room's events from a place on, and says what is missing in it; also of a room that is not there.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] run     the server's run id; empty: the server is asked
-- ARGV[3] fresh   name of an epoch, should one begin
-- ARGV[4] size    words that the history keeps; empty: there is none
-- ARGV[5] ttl     ms that it keeps them
-- ARGV[6] from    After, Earliest or Last
-- ARGV[7] epoch   After: the place's; else empty
-- ARGV[8] number  After: the place's sequence; Last: how many; else 0
-- ARGV[9] limit   entries of the page
-- RETURNS {format} of newer data, else {"", epoch, sequence, end 0|1, gap reason or "", missed or "", sequence, h, texts,
-- ...}: of each step those that are on this page, a line each, and the sequence of the first of them
-- COST O(log n + limit); Last: O(entries of the log), too
-- COMMANDS INFO, TIME, HMGET, HSET, XRANGE, XREVRANGE
-- PARTS ground, reach, back, cut
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- How far back a room can be read. Times never go back, and numbers grow with sequences: where it begins is found by halving.
-- seq(entry), count(entry), number(entry): the sequence of its first text, how many it has, the number of the first word among
-- them, nil where there is none
-- begins(key, from, holds): the first entry from there on that holds, as all behind one that holds do
-- walk(key, from, to, visit): entries with texts of these sequences, until one visit says true: visit(entry, the first, how many)
-- reach(): the first sequence that can be read in the log
-- kept(size, ttl): the same of the words that stay
-- place(epoch, sequence): after which sequence whoever was there reads on, and how that is not where it was, or empty
local function seq(entry) return tonumber(string.match(entry[1], '%d+')) end
local function count(entry) return tonumber(entry[2][6]) end
local function number(entry) return tonumber(entry[2][8]) end
local function isFresh(entry, ttl) return tonumber(string.match(entry[2][2], ' (%d+)')) > m.at - ttl end
local function begins(key, from, holds)
  local low, high, found = from, m.sequence + 1, nil
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = call('XREVRANGE', base .. key, int(middle), int(low), 'COUNT', 1)[1]
    if entry and holds(entry) then found, high = entry, seq(entry)
    else low = math.max(middle + 1, entry and seq(entry) + count(entry) or 0) end
  end
  return found
end
local function walk(key, from, to, visit)
  local page, size, next = call('XREVRANGE', base .. key, int(from), '-', 'COUNT', 1), 1, from
  while next <= to do
    for _, entry in ipairs(page) do
      local start, behind = math.max(seq(entry), from), seq(entry) + count(entry)
      if behind > start and visit(entry, start, math.min(behind - 1, to) - start + 1) then return end
      next = math.max(next, behind)
    end
    page = next <= to and call('XRANGE', base .. key, int(next), int(to), 'COUNT', size) or {}
    if #page == 0 then return end
    size = math.min(2 * size, 128)
  end
end
local function reach()
  local least = math.max(m.sequence - 999, 1)
  local entry = begins(':log', math.max(least - 767, 1), function(entry) return isFresh(entry, 300000) end)
  return entry and math.max(seq(entry), least) or m.sequence + 1
end
local function kept(size, ttl)
  local gone = m.kept - size
  local function before(entry) return tonumber(entry[2][10]) end
  local entry = begins(':words', m.since + 1, function(entry) return isFresh(entry, ttl) and before(entry) + count(entry) > gone end)
  return entry and seq(entry) + math.max(gone - before(entry), 0) or m.sequence + 1
end
local function place(epoch, sequence)
  local known = epoch == m.epoch and m.sequence
  for e, last in string.gmatch(m.past, '(%S+):(%d+)') do if e == epoch then known = tonumber(last) end end
  if known then
    if sequence > known then return known, 'Rewound' end
    return sequence, ''
  end
  -- Nobody knows how long ago that was: the room may have ended meanwhile, and that is told rather once too often.
  local isOurs = string.match(epoch, '^[^-]+') == string.match(m.epoch, '^[^-]+')
  return isOurs and math.min(sequence, m.since - 1) or m.since - 1, 'EpochChanged'
end
-- said(entry): its words, each as its sequence and its text; their numbers follow that of the first
-- lastOf(count, low): the sequence of the first of the last so many words of the log behind the room's beginning, and how many
-- of them are there; nil: none is
local function said(entry)
  local found, sequence = {}, seq(entry)
  if not number(entry) then return found end
  for text in string.gmatch(entry[2][4], '[^\\n]+') do
    if string.byte(text) == 83 then found[#found + 1] = { sequence, text } end
    sequence = sequence + 1
  end
  return found
end
local function lastOf(count, low)
  local found, left, to, size = nil, count, m.sequence, 1
  low = math.max(low, m.since + 1)
  while left > 0 and to >= low do
    local page = call('XREVRANGE', base .. ':log', int(to), '-', 'COUNT', size)
    if #page == 0 then break end
    for _, entry in ipairs(page) do
      local words = to >= low and said(entry) or {}
      for i = #words, 1, -1 do
        if left > 0 and words[i][1] >= low then found, left = words[i][1], left - 1 end
      end
      to = seq(entry) - 1
    end
    size = math.min(2 * size, 128)
  end
  return found, count - left
end
-- cut(entry, skip, count): so many of its texts behind the first so many
local function cut(entry, skip, count)
  local texts, from, to = entry[2][4], 1, 0
  if count == tonumber(entry[2][6]) then return texts end
  for _ = 1, skip do from = string.find(texts, '\\n', from, true) + 1 end
  to = from - 1
  for _ = 1, count do to = string.find(texts, '\\n', to + 1, true) or #texts + 1 end
  return string.sub(texts, from, to - 1)
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local from, asked, size, ttl, limit = ARGV[6], tonumber(ARGV[8]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[9])
if not m.epoch then
  return { '', '-', '1', 1, from == 'After' and 'EpochChanged' or '', '', '1', '- ' .. int(now) .. ' -', 'D' }
end
local low, after, gap = reach(), m.since - 1, ''
local first = size and low > m.since and kept(size, ttl) or low
if from == 'After' then after, gap = place(ARGV[7], asked)
-- Of a room that is not there, its end: else whoever came just then would never hear of it.
elseif m.exists and from == 'Earliest' then after = m.since
elseif m.exists then
  local word, found = lastOf(asked, low)
  if found < asked and size and low > m.since then
    local older = kept(math.min(size, asked), ttl)
    word = older < low and older or word
  end
  after = word and word - 1 or m.sequence
end
local reply, given, last = { '', m.epoch, '', 0, gap, '' }, 0, m.sequence
local function give(sequence, head, texts, count)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = int(sequence), head, texts
  given, last = given + count, sequence + count - 1
end
local function giveAll(key, start, till)
  if start > till or given >= limit then return end
  walk(key, start, till, function(entry, from, count)
    count = math.min(count, limit - given)
    give(from, entry[2][2], cut(entry, from - seq(entry), count), count)
    return given >= limit
  end)
end
-- Whoever comes from before it is told of the last end, though it be gone from the log.
if low > m.since then
  if after < m.since and limit > 0 then give(m.since, m.epoch .. ' ' .. m.sinceAt .. ' -', 'D', 1) end
  giveAll(':words', math.max(after + 1, first), low - 1)
end
giveAll(':log', math.max(after + 1, low), m.sequence)
local missed = last - after - given
if gap == '' and from == 'After' and missed > 0 then reply[5], reply[6] = 'HistoryTrimmed', int(missed) end
reply[3], reply[4] = int(last), last >= m.sequence and 1 or 0
return reply
`
})

/** Names some rooms of the list of all, in their order. Returns {format} of newer data, else {"", 1 where there are more else 0, room, ...} Cost: O(log rooms + count) */
export const chatRooms = Script.make({
  name: "Chat/rooms",
  adds: false,
  sha: "2e8e2622eb5d63e3da77dc76c986ab5ea69bb7c0",
  keys: ["index", "meta"],
  args: ["now", "after", "count"],
  commands: ["TIME", "HMGET", "ZRANGEBYLEX"],
  source: `#!lua flags=allow-oom
-- Names some rooms of the list of all, in their order.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] after  the last one of the page before; empty: from the beginning
-- ARGV[3] count  of the page
-- RETURNS {format} of newer data, else {"", 1 where there are more else 0, room, ...}
-- COST O(log rooms + count)
-- COMMANDS TIME, HMGET, ZRANGEBYLEX
-- PARTS index
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local count = tonumber(ARGV[3])
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
local found = call('ZRANGEBYLEX', base .. ':all', from, '+', 'LIMIT', 0, count + 1)
local reply = { '', #found > count and 1 or 0 }
for i = 1, math.min(#found, count) do reply[2 + i] = found[i] end
return reply
`
})

/** Says words in this order, with nothing of others in between: what act does with them, where all are of places of the asking peer or of nobody's, and none has a key. Where one is of another place, or the peer is fenced, nothing is said: that is act's to tell. Returns {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "", sequence of the first word; nil: nothing was said} Cost: O(speakers + bytes) */
export const chatSay = Script.make({
  name: "Chat/say",
  adds: true,
  sha: "31ed5cfc3c743aefd354b3c4194c4bd17a04ae29",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "publisher", "peer", "size", "ttl", "count", "words"],
  variadic: "speakers",
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "EXISTS",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZMSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "XADD",
    "XRANGE",
    "XTRIM",
    "PTTL",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua
-- Says words in this order, with nothing of others in between: what act does with them, where all are of places of the asking peer
-- or of nobody's, and none has a key. Where one is of another place, or the peer is fenced, nothing is said: that is act's to tell.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  name of the asking peer, encoded
-- ARGV[5] peer       its id, encoded
-- ARGV[6] size       words that the history keeps; empty: there is none
-- ARGV[7] ttl        ms that it keeps them
-- ARGV[8] count      how many words
-- ARGV[9] words      as they are logged, a line each
-- ARGV[10...] speakers "<id> <ref>", ...: places that must be there
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, run, ms until the next Left that is held back or "",
-- sequence of the first word; nil: nothing was said}
-- COST O(speakers + bytes)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZREM, ZSCORE, ZMSCORE, ZRANGE, ZRANGEBYSCORE, XADD, XRANGE, XTRIM, PTTL, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving, shorten, history
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
-- shorten(key, least): takes out entries of words of which none is to stay: before whose end no more than so many were kept.
-- What one step has no time for, the next ones do: more than one can add
local function shorten(key, least)
  local count = 3
  for _ = 1, 16 do
    local oldest, from = call('XRANGE', key, '-', '+', 'COUNT', count), 1
    while oldest[from + 1] and tonumber(oldest[from + 1][2][10]) <= least do from = from + 1 end
    if from > 1 then call('XTRIM', key, 'MINID', oldest[from][1]) end
    if from < count then return end
    count = math.min(2 * count, 96)
  end
end
-- The words of a step. \`:words\` is a stream like the log's of those that stay, where there is a history: an entry for each run of
-- a step's words that follow each other, with k, how many had been kept before its first.
-- speak(words, count, size): so many, a line each, of which the history keeps so many; no size: there is none
-- keep(size, ttl): the last of what a step does to them
local runs = {}
local function speak(words, count, size)
  append(words, count)
  m.words = m.words + count
  if not size then return end
  local run = runs[#runs]
  if not run or run.first + run.count <= m.sequence - count then
    run = { first = m.sequence - count + 1, count = 0, number = m.words - count + 1, before = m.kept, words = {} }
    runs[#runs + 1] = run
  end
  run.words[#run.words + 1] = words
  run.count, m.kept = run.count + count, m.kept + count
end
local function keep(size, ttl)
  local key = base .. ':words'
  for _, run in ipairs(runs) do
    write(key, run.first, table.concat(run.words, '\\n'), run.count, 'n', int(run.number), 'k', int(run.before))
  end
  if #runs > 0 then
    shorten(key, m.kept - size)
    -- Never less than what another definition of the room has asked for.
    if isPhysical and call('PTTL', key) < ttl + 1000 then call('PEXPIRE', key, int(ttl + 1000)) end
  end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin(ARGV[4])
letGo()
local size, ttl, count, said = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), nil
local isTheirs = #ARGV == 9 or not call('ZSCORE', base .. ':fenced', ARGV[5])
if isTheirs and #ARGV > 9 then
  for _, place in ipairs(call('ZMSCORE', base .. ':of:' .. ARGV[5], unpack(ARGV, 10))) do isTheirs = isTheirs and place end
end
if isTheirs then
  speak(ARGV[9], count, size)
  keep(size, ttl)
  said = m.sequence - count + 1
end
local reply = { '', m.epoch, run, due(), said }
finish()
return reply
`
})

/** Some of those who have a place in a room, and how many there are, and where its log stands. Returns {format} of newer data, {""} where there is no room, else {"", members, epoch, sequence, cursor, id, "<ref> <peer> <its name> <joined at> <details>", ...}; an empty cursor: that was the last page Cost: O(those of the page, and those whose time to leave has come) */
export const chatSeats = Script.make({
  name: "Chat/seats",
  adds: false,
  sha: "ebf8beefcb1bae5884fd27c86c4f3b49b16856fa",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "cursor"],
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HGETALL",
    "HSCAN",
    "HDEL",
    "HLEN",
    "EXISTS",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "XADD",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Some of those who have a place in a room, and how many there are, and where its log stands.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] run     the server's run id; empty: the server is asked
-- ARGV[3] fresh   name of an epoch, should one begin
-- ARGV[4] cursor  "<run> <cursor of HSCAN>" of the page before; empty: there is none
-- RETURNS {format} of newer data, {""} where there is no room, else {"", members, epoch, sequence, cursor, id, "<ref> <peer> <its
-- name> <joined at> <details>", ...}; an empty cursor: that was the last page
-- COST O(those of the page, and those whose time to leave has come)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HGETALL, HSCAN, HDEL, HLEN, EXISTS, SADD, SREM, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
begin('-')
letGo()
finish()
local members = call('HLEN', base .. ':members')
local cursor, found = '', nil
if members <= 512 then found = call('HGETALL', base .. ':members')
else
  -- Another run puts them in another order: what its cursor has passed is not what this one's has.
  local known, at = string.match(ARGV[4], '^(%S+) (%d+)$')
  -- Servers give some more than they are asked for: whole buckets, and they are seldom long.
  local page = call('HSCAN', base .. ':members', known == run and at or '0', 'COUNT', 450)
  cursor, found = page[1] == '0' and '' or run .. ' ' .. page[1], page[2]
end
local reply = { '', members, m.epoch, int(m.sequence), cursor }
for i = 1, #found do reply[5 + i] = found[i] end
return reply
`
})

/** Names the server that has a room, whether or not there is one, and in whatever format: others of its rooms may be of this. Returns {"", run} Cost: O(1) */
export const chatServer = Script.make({
  name: "Chat/server",
  adds: false,
  sha: "5854288737f61863cdecddf4205b95d3a31d1ef9",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh"],
  commands: ["INFO", "TIME", "HMGET", "HSET"],
  source: `#!lua flags=allow-oom
-- Names the server that has a room, whether or not there is one, and in whatever format: others of its rooms may be of this.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  name of an epoch, should one begin
-- RETURNS {"", run}
-- COST O(1)
-- COMMANDS INFO, TIME, HMGET, HSET
-- PARTS ground
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
open(KEYS[1], KEYS[2])
return { '', run }
`
})

/** Lets those of a room go whose time has come; ends some of a dead peer's memberships, and has it begin no more. Returns {format} of newer data, else {"", memberships of the dead one that are left, ms until the next Left that is held back or "", epoch, run}; the last two where there is a room Cost: O(memberships that end) */
export const chatSweep = Script.make({
  name: "Chat/sweep",
  adds: false,
  sha: "8b4f91ec6e068441551ab474120c719d01829e5f",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "publisher", "dead", "grave", "page"],
  commands: [
    "INFO",
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "EXISTS",
    "SADD",
    "SREM",
    "ZADD",
    "ZCARD",
    "ZREM",
    "ZREMRANGEBYSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "XADD",
    "XTRIM",
    "PEXPIRE",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Lets those of a room go whose time has come; ends some of a dead peer's memberships, and has it begin no more.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] run        the server's run id; empty: the server is asked
-- ARGV[3] fresh      name of an epoch, should one begin
-- ARGV[4] publisher  percent-encoded
-- ARGV[5] dead       id of the peer, encoded; empty: there is none
-- ARGV[6] grave      ms that it is fenced
-- ARGV[7] page       memberships that one step ends
-- RETURNS {format} of newer data, else {"", memberships of the dead one that are left, ms until the next Left that is held back or "",
-- epoch, run}; the last two where there is a room
-- COST O(memberships that end)
-- COMMANDS INFO, TIME, HMGET, HSET, HGET, HDEL, EXISTS, SADD, SREM, ZADD, ZCARD, ZREM, ZREMRANGEBYSCORE, ZRANGE, ZRANGEBYSCORE, XADD, XTRIM, PEXPIRE, SPUBLISH
-- PARTS ground, log, seats, leaving
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- What a step logs is one entry, and one frame: \`<sequence of its first text>\` -> h "<epoch> <at> <publisher>", d its texts, a line
-- each, c how many; n the number of the first word among them, where there is one.
-- begin(publisher): whose step it is
-- append(texts, count): logs so many texts, a line each
-- first: the sequence of the first text of this step
-- write(key, sequence, texts, count, ...): one entry, and what fields it has beside those
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher, spoken = '', {}, 0, '', '', 0
local function begin(by)
  logged, publisher, first, spoken = base .. ':log', by, m.sequence + 1, m.words
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(texts, count)
  m.sequence = m.sequence + count
  added[#added + 1] = texts
end
local function write(key, sequence, texts, count, ...)
  call('XADD', key, int(sequence), 'h', head, 'd', texts, 'c', count, ...)
end
local function settle()
  if #added == 0 then return end
  local texts, count = table.concat(added, '\\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
-- Who has a place. \`:members\` is a hash of id -> "<ref> <peer> <peer's name> <joined at> <details>", all but the details encoded; in
-- place of the ref of one whose Left is held back there is what no name is encoded to: ! and the reason. \`:of:<peer>\` is a
-- sorted set of its open memberships, each "<id> <ref>", by when they began (a sequence), \`:peers\` a set of those peers, \`:leaving\` a sorted
-- set of ids by when the Left that is held back is due, \`:fenced\` one of peers by when they were fenced.
-- find(id): its seat, with \`ref\`, \`peer\`, \`tail\` (all behind the peer); nil: there is none. Asked for once
-- put(id, seat): its seat is this now
-- enter(id, seat, sequence), quit(id, seat): an open membership begins, ends
-- go(id, seat, reason): takes it out and says so
-- leave(id, seat, reason, grace): ends an open membership, at once or in so many ms
-- release(): forgets the peers that have no open membership any more; the last of what a step does to seats
-- isMoved: some Left was held back, or is not any more
local seats, touched, isMoved = {}, {}, false
local function find(id)
  local seat = seats[id]
  if seat == nil then
    local ref, peer, tail = string.match(call('HGET', base .. ':members', id) or '', '^(%S+) (%S+) (.*)$')
    seat = ref and { ref = ref, peer = peer, tail = tail } or false
    seats[id] = seat
  end
  return seat or nil
end
local function put(id, seat)
  seats[id] = seat
  call('HSET', base .. ':members', id, seat.ref .. ' ' .. seat.peer .. ' ' .. seat.tail)
end
local function isHeld(seat) return string.sub(seat.ref, 1, 1) == '!' end
local function enter(id, seat, sequence)
  call('ZADD', base .. ':of:' .. seat.peer, sequence, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function quit(id, seat)
  call('ZREM', base .. ':of:' .. seat.peer, id .. ' ' .. seat.ref)
  touched[seat.peer] = true
end
local function release()
  for peer in pairs(touched) do
    if call('EXISTS', base .. ':of:' .. peer) == 1 then call('SADD', base .. ':peers', peer)
    else call('SREM', base .. ':peers', peer) end
  end
end
local function unhold(id)
  call('ZREM', base .. ':leaving', id)
  isMoved = true
end
local function go(id, seat, reason)
  if isHeld(seat) then unhold(id) else quit(id, seat) end
  call('HDEL', base .. ':members', id)
  seats[id] = false
  append('L ' .. reason .. ' ' .. id .. ' ' .. seat.tail, 1)
end
local function leave(id, seat, reason, grace)
  if grace <= 0 then return go(id, seat, reason) end
  quit(id, seat)
  put(id, { ref = '!' .. reason, peer = seat.peer, tail = seat.tail })
  call('ZADD', base .. ':leaving', int(now + grace), id)
  isMoved = true
end
-- Those whose Left is held back.
-- letGo(): says it of those whose time has come, 256 at most; the first of what a step does
-- due(): when the next one's comes, in ms from now, as text; empty: nobody's does
-- finish(): the last of what a step does, whatever it has done
local soonest
local function upcoming() return call('ZRANGE', base .. ':leaving', 0, 0, 'WITHSCORES')[2] end
local function letGo()
  soonest = upcoming()
  if not soonest or tonumber(soonest) > now then return end
  for _, id in ipairs(call('ZRANGEBYSCORE', base .. ':leaving', '-inf', int(now), 'LIMIT', 0, 256)) do
    local seat = find(id)
    if seat then go(id, seat, string.sub(seat.ref, 2)) else unhold(id) end
  end
end
local function due()
  if isMoved then soonest = upcoming() end
  return soonest and int(math.max(0, soonest - now)) or ''
end
local function finish()
  release()
  settle()
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local fenced, dead, left = base .. ':fenced', ARGV[5], 0
if m.exists then
  begin(ARGV[4])
  letGo()
end
call('ZREMRANGEBYSCORE', fenced, '-inf', int(now - ARGV[6]))
if dead ~= '' then
  -- Where there is no room, too: there may be one again before whoever is taken for dead asks for its place there.
  call('ZADD', fenced, int(now), dead)
  if isPhysical and not m.exists then call('PEXPIRE', fenced, int(ARGV[6] + 0)) end
end
if not m.exists then return { '', 0, '' } end
if dead ~= '' then
  local mine = base .. ':of:' .. dead
  for _, place in ipairs(call('ZRANGE', mine, 0, ARGV[7] - 1)) do
    local id, ref = string.match(place, '^(%S+) (%S+)$')
    local seat = find(id)
    if seat and seat.ref == ref then leave(id, seat, 'C', m.grace) else quit(id, { peer = dead, ref = ref }) end
  end
  left = call('ZCARD', mine)
end
local next = due()
finish()
return { '', left, next, m.epoch, run }
`
})

/** Takes a room out of the list of all, if it has not been put there anew. Returns {format} of newer data, else {""} Cost: O(log rooms) */
export const chatUnlist = Script.make({
  name: "Chat/unlist",
  adds: false,
  sha: "1d031ed6082c7ca940cb89cccfff6eab92617f8a",
  keys: ["index", "meta"],
  args: ["now", "room", "stamp"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "HDEL", "ZREM"],
  source: `#!lua flags=allow-oom
-- Takes a room out of the list of all, if it has not been put there anew.
-- KEYS[1] index  as in list
-- KEYS[2] meta   as in list
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] room
-- ARGV[3] stamp  what list gave
-- RETURNS {format} of newer data, else {""}
-- COST O(log rooms)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, ZREM
-- PARTS index, takeOut
-- Time, and the index of rooms and of who has places in which: what its meta says is format, life, run, floor (the
-- greatest stamp of those that were taken out of the list).
-- call, base: redis.call, and what all keys of the index begin with
-- now: the server's time in ms
-- int(number): its text, whole
-- open(index, meta): begins; false: the data is of a newer format
-- m: format, life, run, floor
local call, base, m = redis.call, '', {}
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(index, meta)
  local v = call('HMGET', meta, 'format', 'life', 'run', 'floor')
  base, m = index, { format = v[1] or '1', life = v[2], run = v[3], floor = tonumber(v[4] or 0) }
  return m.format == '1'
end
-- takeOut(room, stamp): off the list of all; whichever is put there anew gets a greater stamp
local function takeOut(room, stamp)
  call('HDEL', base .. ':stamps', room)
  call('ZREM', base .. ':all', room)
  m.floor = math.max(m.floor, tonumber(stamp))
  call('HSET', KEYS[2], 'format', '1', 'floor', int(m.floor))
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
if call('HGET', base .. ':stamps', ARGV[2]) == ARGV[3] then takeOut(ARGV[2], ARGV[3]) end
return { '' }
`
})

/** Reads a page of a room's words from a place on: of those that stay where there is a history, else of the log. Returns {format} of newer data, {""} where there is no room, else {"", epoch, sequence, number, lost 0|1, end 0|1, sequence, h, text, ...} Cost: O(log n + limit); without a history O(entries of the log) */
export const chatWords = Script.make({
  name: "Chat/words",
  adds: false,
  sha: "1dfe1f04d66d003fb91d8f383deadc3af9bb9c55",
  keys: ["room", "meta"],
  args: ["now", "run", "fresh", "size", "ttl", "from", "epoch", "sequence", "number", "limit"],
  commands: ["INFO", "TIME", "HMGET", "HSET", "XRANGE", "XREVRANGE"],
  source: `#!lua flags=allow-oom
-- Reads a page of a room's words from a place on: of those that stay where there is a history, else of the log.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] size      words that the history keeps; empty: there is none
-- ARGV[5] ttl       ms that it keeps them
-- ARGV[6] from      After, Earliest or Last
-- ARGV[7] epoch     After: the bookmark's; else empty
-- ARGV[8] sequence  After: the bookmark's; Last: how many; else 0
-- ARGV[9] number    After: the bookmark's; else empty
-- ARGV[10] limit    words of the page
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, sequence, number, lost 0|1, end 0|1, sequence, h, text, ...}
-- COST O(log n + limit); without a history O(entries of the log)
-- COMMANDS INFO, TIME, HMGET, HSET, XRANGE, XREVRANGE
-- PARTS ground, reach, back
-- Time, a room, and what its meta says: a hash of format, epoch, run, sequence, at, past as in PubSub's; exists, what it was
-- created with, where there is a room; since and sinceAt, the sequence and the time of its last D; words, the number of the last
-- word; kept, how many words a history has kept; grace, for how long the last that joined has a Left held back, ms.
-- call, base: redis.call, and what all keys of the room begin with
-- now, run, isPhysical: the server's time in ms and its run; is it its own? Then what ends is given a time to live, too
-- int(number): its text, whole
-- open(room, meta): begins; false: the data is of a newer format. A new run begins a new epoch
-- m: epoch (none: there is no log either), sequence, at (never goes back), past, exists, since, sinceAt, words, kept, grace
local call, base, m = redis.call, '', {}
local now, run, isPhysical = tonumber(ARGV[1]), ARGV[2], ARGV[1] == ''
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(room, meta)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'sequence', 'at', 'past', 'exists', 'since', 'sinceAt', 'words', 'kept', 'grace')
  base = room
  m = {
    format = v[1] or '1', epoch = v[2], sequence = tonumber(v[4] or 0), at = math.max(now, tonumber(v[5] or 0)), past = v[6] or '',
    exists = v[7], since = tonumber(v[8] or 0), sinceAt = v[9], words = tonumber(v[10] or 0),
    kept = tonumber(v[11] or 0), grace = tonumber(v[12] or 0)
  }
  if m.format ~= '1' then return false end
  if m.epoch and v[3] ~= run then
    m.past = m.past .. m.epoch .. ':' .. v[4] .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch = string.match(m.epoch, '^[^-]+') .. '-' .. ARGV[3]
    call('HSET', meta, 'epoch', m.epoch, 'run', run, 'past', m.past)
  end
  return true
end
-- How far back a room can be read. Times never go back, and numbers grow with sequences: where it begins is found by halving.
-- seq(entry), count(entry), number(entry): the sequence of its first text, how many it has, the number of the first word among
-- them, nil where there is none
-- begins(key, from, holds): the first entry from there on that holds, as all behind one that holds do
-- walk(key, from, to, visit): entries with texts of these sequences, until one visit says true: visit(entry, the first, how many)
-- reach(): the first sequence that can be read in the log
-- kept(size, ttl): the same of the words that stay
-- place(epoch, sequence): after which sequence whoever was there reads on, and how that is not where it was, or empty
local function seq(entry) return tonumber(string.match(entry[1], '%d+')) end
local function count(entry) return tonumber(entry[2][6]) end
local function number(entry) return tonumber(entry[2][8]) end
local function isFresh(entry, ttl) return tonumber(string.match(entry[2][2], ' (%d+)')) > m.at - ttl end
local function begins(key, from, holds)
  local low, high, found = from, m.sequence + 1, nil
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = call('XREVRANGE', base .. key, int(middle), int(low), 'COUNT', 1)[1]
    if entry and holds(entry) then found, high = entry, seq(entry)
    else low = math.max(middle + 1, entry and seq(entry) + count(entry) or 0) end
  end
  return found
end
local function walk(key, from, to, visit)
  local page, size, next = call('XREVRANGE', base .. key, int(from), '-', 'COUNT', 1), 1, from
  while next <= to do
    for _, entry in ipairs(page) do
      local start, behind = math.max(seq(entry), from), seq(entry) + count(entry)
      if behind > start and visit(entry, start, math.min(behind - 1, to) - start + 1) then return end
      next = math.max(next, behind)
    end
    page = next <= to and call('XRANGE', base .. key, int(next), int(to), 'COUNT', size) or {}
    if #page == 0 then return end
    size = math.min(2 * size, 128)
  end
end
local function reach()
  local least = math.max(m.sequence - 999, 1)
  local entry = begins(':log', math.max(least - 767, 1), function(entry) return isFresh(entry, 300000) end)
  return entry and math.max(seq(entry), least) or m.sequence + 1
end
local function kept(size, ttl)
  local gone = m.kept - size
  local function before(entry) return tonumber(entry[2][10]) end
  local entry = begins(':words', m.since + 1, function(entry) return isFresh(entry, ttl) and before(entry) + count(entry) > gone end)
  return entry and seq(entry) + math.max(gone - before(entry), 0) or m.sequence + 1
end
local function place(epoch, sequence)
  local known = epoch == m.epoch and m.sequence
  for e, last in string.gmatch(m.past, '(%S+):(%d+)') do if e == epoch then known = tonumber(last) end end
  if known then
    if sequence > known then return known, 'Rewound' end
    return sequence, ''
  end
  -- Nobody knows how long ago that was: the room may have ended meanwhile, and that is told rather once too often.
  local isOurs = string.match(epoch, '^[^-]+') == string.match(m.epoch, '^[^-]+')
  return isOurs and math.min(sequence, m.since - 1) or m.since - 1, 'EpochChanged'
end
-- said(entry): its words, each as its sequence and its text; their numbers follow that of the first
-- lastOf(count, low): the sequence of the first of the last so many words of the log behind the room's beginning, and how many
-- of them are there; nil: none is
local function said(entry)
  local found, sequence = {}, seq(entry)
  if not number(entry) then return found end
  for text in string.gmatch(entry[2][4], '[^\\n]+') do
    if string.byte(text) == 83 then found[#found + 1] = { sequence, text } end
    sequence = sequence + 1
  end
  return found
end
local function lastOf(count, low)
  local found, left, to, size = nil, count, m.sequence, 1
  low = math.max(low, m.since + 1)
  while left > 0 and to >= low do
    local page = call('XREVRANGE', base .. ':log', int(to), '-', 'COUNT', size)
    if #page == 0 then break end
    for _, entry in ipairs(page) do
      local words = to >= low and said(entry) or {}
      for i = #words, 1, -1 do
        if left > 0 and words[i][1] >= low then found, left = words[i][1], left - 1 end
      end
      to = seq(entry) - 1
    end
    size = math.min(2 * size, 128)
  end
  return found, count - left
end
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
local from, asked, size, limit = ARGV[6], tonumber(ARGV[8]), tonumber(ARGV[4]), tonumber(ARGV[10])
local key, most = size and ':words' or ':log', from == 'Last' and size and math.min(size, asked) or size
local low = size and kept(most, tonumber(ARGV[5])) or reach()
local after, gap = m.since, ''
if from == 'After' then after, gap = place(ARGV[7], asked)
elseif from == 'Last' and not size then low = lastOf(asked, low) or m.sequence + 1 end
local reply, given, first, last, sequence = { '', m.epoch, '', '', 0, 1 }, 0, m.words + 1, m.words, m.sequence
walk(key, math.max(after, m.since, low - 1) + 1, m.sequence, function(entry, start)
  for i, word in ipairs(said(entry)) do
    if word[1] >= start then
      if given == limit then
        reply[6] = 0
        return true
      end
      local n = #reply
      last, sequence, given = number(entry) + i - 1, word[1], given + 1
      if given == 1 then first = last end
      reply[n + 1], reply[n + 2], reply[n + 3] = int(sequence), entry[2][2], word[2]
    end
  end
end)
reply[3], reply[4] = int(sequence), int(last)
-- What is missing before the first one, or, with none, of all there were.
if gap ~= '' or from == 'After' and first > tonumber(ARGV[9]) + 1 then reply[5] = 1 end
return reply
`
})

/** Throws a box away. Returns {format} of newer data, else {""} Cost: O(letters) */
export const mailboxClose = Script.make({
  name: "Mailbox/close",
  adds: false,
  sha: "aed4a02b17eae17cd572678fd514a824df687379",
  keys: ["letters", "meta"],
  args: [],
  commands: ["HGET", "DEL"],
  source: `#!lua flags=allow-oom
-- Throws a box away.
-- KEYS[1] letters  as in deliver
-- KEYS[2] meta     as in deliver
-- RETURNS {format} of newer data, else {""}
-- COST O(letters)
-- COMMANDS HGET, DEL
local format = redis.call('HGET', KEYS[2], 'format')
if format and format ~= '1' then return { format } end
redis.call('DEL', KEYS[1], KEYS[2])
return { '' }
`
})

/** Puts a letter into a box, behind all others, and lets go of what is too much. Returns {format} of newer data, else {""} Cost: O(1), and O(letters that are too much) */
export const mailboxDeliver = Script.make({
  name: "Mailbox/deliver",
  adds: true,
  sha: "47c914c4491993b8e8c2e297605820e6c4ceb0ae",
  keys: ["letters", "meta", "channel"],
  args: ["now", "run", "fresh", "ttl", "capacity", "payload"],
  commands: ["TIME", "INFO", "DEL", "PTTL", "PEXPIRE", "HMGET", "HSET", "XADD", "SPUBLISH"],
  source: `#!lua
-- Puts a letter into a box, behind all others, and lets go of what is too much.
-- KEYS[1] letters  stream: <number>-0 -> at, d payload
-- KEYS[2] meta     hash: format, epoch, run, last, acknowledged, at, until, past
-- KEYS[3] channel  shard channel of the box
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty: the server is asked
-- ARGV[3] fresh     name of an epoch, should one begin
-- ARGV[4] ttl       ms a letter is there
-- ARGV[5] capacity  letters of a box
-- ARGV[6] payload
-- RETURNS {format} of newer data, else {""}
-- COST O(1), and O(letters that are too much)
-- COMMANDS TIME, INFO, DEL, PTTL, PEXPIRE, HMGET, HSET, XADD, SPUBLISH
-- PARTS ground
-- Time, a box, and what its meta says: a hash of format, epoch, run, last, acknowledged, at, until, past.
-- call: redis.call
-- now, run, isPhysical: the server's time in ms, and its run id; are they its own? Then all is given a time to live, too
-- int(number), id(number): its text, whole; the letter of that number
-- open(letters, meta, fresh): the box as this server knows it, begun anew where there is none; false: it is of a newer format
-- save(meta, ttl): keeps what it is now
-- keep(key, ms): for so long at least
-- m: format, epoch, run, last number, last one acknowledged, at: when the last was delivered, till: when the box is over, past:
-- epochs before this one and where they ended, as "<epoch>:<end> ..."
local call, day, m = redis.call, 86400000, {}
local now, run = tonumber(ARGV[1]), ARGV[2]
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
local function int(number) return string.format('%.0f', number) end
local function id(number) return string.format('%.0f-0', number) end
local function open(letters, meta, fresh)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'last', 'acknowledged', 'at', 'until', 'past')
  m = {
    format = v[1] or '1', epoch = v[2], run = v[3], last = tonumber(v[4] or 0), acknowledged = tonumber(v[5] or 0),
    at = tonumber(v[6] or 0), till = tonumber(v[7] or 0), past = v[8] or ''
  }
  if m.format ~= '1' then return false end
  if not m.epoch or m.till <= now then
    -- Letters of which nobody knows the numbers are lost, and stand for one that is.
    local gone = call('DEL', letters)
    m = { epoch = fresh, run = run, last = m.epoch and 0 or gone, acknowledged = 0, at = 0, till = 0, past = '' }
  elseif m.run ~= run then
    m.past = m.past .. m.epoch .. ':' .. int(m.last) .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch, m.run = fresh, run
  end
  return true
end
local function keep(key, ms) if call('PTTL', key) < ms then call('PEXPIRE', key, int(ms)) end end
local function save(meta, ttl)
  call('HSET', meta, 'format', '1', 'epoch', m.epoch, 'run', m.run, 'last', int(m.last), 'acknowledged', int(m.acknowledged),
    'at', int(m.at), 'until', int(math.max(m.till, now + ttl + day)), 'past', m.past)
  if isPhysical then keep(meta, ttl + day) end
end
if not open(KEYS[1], KEYS[2], ARGV[3]) then return { m.format } end
local ttl = tonumber(ARGV[4])
m.last, m.at = m.last + 1, math.max(now, m.at)
call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[5], id(m.last), 'at', int(m.at), 'd', ARGV[6])
save(KEYS[2], ttl)
if isPhysical then keep(KEYS[1], ttl + 1000) end
call('SPUBLISH', KEYS[3], '1')
return { '' }
`
})

/** Lets go of the letters that are acknowledged or over, and gives the first of those that are left. Begins the box where there is none. Returns {format} of newer data, else {"", epoch, number of the last of these letters or of all, lost 0|1, number, at, payload, ...} Cost: O(log letters + limit) */
export const mailboxPoll = Script.make({
  name: "Mailbox/poll",
  adds: false,
  sha: "ce5e6e40cf45f41fe2cbb91e518e39e40cb95419",
  keys: ["letters", "meta"],
  args: ["now", "run", "fresh", "ttl", "epoch", "number", "limit", "bytes"],
  commands: ["TIME", "INFO", "DEL", "PTTL", "PEXPIRE", "HMGET", "HSET", "XRANGE", "XTRIM"],
  source: `#!lua flags=allow-oom
-- Lets go of the letters that are acknowledged or over, and gives the first of those that are left. Begins the box where there is none.
-- KEYS[1] letters  as in deliver
-- KEYS[2] meta     as in deliver
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] run     the server's run id; empty: the server is asked
-- ARGV[3] fresh   name of an epoch, should one begin
-- ARGV[4] ttl     ms a letter is there
-- ARGV[5] epoch   of the place behind which to begin; empty: there is none
-- ARGV[6] number  of that place
-- ARGV[7] limit   letters
-- ARGV[8] bytes   of payloads, but for the first
-- RETURNS {format} of newer data, else {"", epoch, number of the last of these letters or of all, lost 0|1, number, at, payload, ...}
-- COST O(log letters + limit)
-- COMMANDS TIME, INFO, DEL, PTTL, PEXPIRE, HMGET, HSET, XRANGE, XTRIM
-- PARTS ground
-- Time, a box, and what its meta says: a hash of format, epoch, run, last, acknowledged, at, until, past.
-- call: redis.call
-- now, run, isPhysical: the server's time in ms, and its run id; are they its own? Then all is given a time to live, too
-- int(number), id(number): its text, whole; the letter of that number
-- open(letters, meta, fresh): the box as this server knows it, begun anew where there is none; false: it is of a newer format
-- save(meta, ttl): keeps what it is now
-- keep(key, ms): for so long at least
-- m: format, epoch, run, last number, last one acknowledged, at: when the last was delivered, till: when the box is over, past:
-- epochs before this one and where they ended, as "<epoch>:<end> ..."
local call, day, m = redis.call, 86400000, {}
local now, run = tonumber(ARGV[1]), ARGV[2]
local isPhysical = not now
if isPhysical then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
end
local function int(number) return string.format('%.0f', number) end
local function id(number) return string.format('%.0f-0', number) end
local function open(letters, meta, fresh)
  local v = call('HMGET', meta, 'format', 'epoch', 'run', 'last', 'acknowledged', 'at', 'until', 'past')
  m = {
    format = v[1] or '1', epoch = v[2], run = v[3], last = tonumber(v[4] or 0), acknowledged = tonumber(v[5] or 0),
    at = tonumber(v[6] or 0), till = tonumber(v[7] or 0), past = v[8] or ''
  }
  if m.format ~= '1' then return false end
  if not m.epoch or m.till <= now then
    -- Letters of which nobody knows the numbers are lost, and stand for one that is.
    local gone = call('DEL', letters)
    m = { epoch = fresh, run = run, last = m.epoch and 0 or gone, acknowledged = 0, at = 0, till = 0, past = '' }
  elseif m.run ~= run then
    m.past = m.past .. m.epoch .. ':' .. int(m.last) .. ' '
    if select(2, string.gsub(m.past, ' ', '')) > 8 then m.past = string.match(m.past, ' (.*)') end
    m.epoch, m.run = fresh, run
  end
  return true
end
local function keep(key, ms) if call('PTTL', key) < ms then call('PEXPIRE', key, int(ms)) end end
local function save(meta, ttl)
  call('HSET', meta, 'format', '1', 'epoch', m.epoch, 'run', m.run, 'last', int(m.last), 'acknowledged', int(m.acknowledged),
    'at', int(m.at), 'until', int(math.max(m.till, now + ttl + day)), 'past', m.past)
  if isPhysical then keep(meta, ttl + day) end
end
if not open(KEYS[1], KEYS[2], ARGV[3]) then return { m.format } end
local letters, ttl, limit, lost = KEYS[1], tonumber(ARGV[4]), tonumber(ARGV[7]), false
if ARGV[5] ~= '' then
  local number, last = tonumber(ARGV[6]), ARGV[5] == m.epoch and m.last
  for epoch, ended in string.gmatch(m.past, '(%S+):(%d+)') do if epoch == ARGV[5] then last = tonumber(ended) end end
  lost = not last or number > last
  m.acknowledged = math.max(m.acknowledged, math.min(number, last or 0))
end
local function read(from, count) return call('XRANGE', letters, id(from), '+', 'COUNT', count) end
local function numberOf(entry) return tonumber(string.match(entry[1], '%d+')) end
local function isOver(entry) return tonumber(entry[2][2]) + ttl <= now end
-- Numbers have no holes and times never go back: the first that is not over is found by halving.
local oldest = read(m.acknowledged + 1, 1)[1]
local first, high = oldest and numberOf(oldest) or m.last + 1, m.last + 1
while oldest and isOver(oldest) and first < high do
  local middle = math.floor((first + high) / 2)
  local entry = read(middle, 1)[1]
  if entry and isOver(entry) then first = middle + 1 else high = middle end
end
if first > m.last then call('DEL', letters) else call('XTRIM', letters, 'MINID', id(first)) end
lost = lost or first > m.acknowledged + 1
save(KEYS[2], ttl)
local reply, last, count, bytes, isFull = { '', m.epoch }, first - 1, 0, 0, false
-- A few at a time: what does not go with this answer need not be read.
while last < m.last and count < limit and not isFull do
  local entries = read(last + 1, math.min(16, limit - count))
  isFull = #entries == 0
  for _, entry in ipairs(entries) do
    local payload = entry[2][4]
    bytes, isFull = bytes + #payload, count > 0 and bytes + #payload > tonumber(ARGV[8])
    if isFull then break end
    last, count = numberOf(entry), count + 1
    for i, v in ipairs({ int(last), entry[2][2], payload }) do reply[1 + 3 * count + i] = v end
  end
end
reply[3], reply[4] = int(last), lost and 1 or 0
return reply
`
})

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

/** Adds up what somebody has counted since its last batch; a batch that came before changes nothing. Returns {format} of newer data, {"", "U", life} where the sender is not known, else {"", "K", now, last reset, 1 where its gauges may be gone, sums not taken} Cost: O(items) */
export const statsFlush = Script.make({
  name: "Stats/flush",
  adds: true,
  sha: "d49a9c8633baf8be711ae006f5a3c538ea955b69",
  keys: ["stats", "meta"],
  args: ["now", "sender", "number", "keep", "sent", "reset", "most", "minutes", "hours", "sums"],
  variadic: "items",
  commands: [
    "TIME",
    "HMGET",
    "HSET",
    "HGET",
    "HDEL",
    "HLEN",
    "HEXISTS",
    "HINCRBY",
    "DEL",
    "ZSCORE",
    "ZADD",
    "ZREM",
    "ZRANGEBYSCORE"
  ],
  source: `#!lua
-- Adds up what somebody has counted since its last batch; a batch that came before changes nothing.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] sender
-- ARGV[3] number   of the batch
-- ARGV[4] keep     as in join
-- ARGV[5] sent     ms since it was first sent; empty: this is the first time
-- ARGV[6] reset    the last one known then
-- ARGV[7] most     names
-- ARGV[8] minutes  kept
-- ARGV[9] hours    kept
-- ARGV[10] sums    how many of what follows
-- ARGV[11...] items  name, by, age in ms of each sum; name, value, sent, reset of each gauge
-- RETURNS {format} of newer data, {"", "U", life} where the sender is not known, else {"", "K", now, last reset, 1 where its
-- gauges may be gone, sums not taken}
-- COST O(items)
-- COMMANDS TIME, HMGET, HSET, HGET, HDEL, HLEN, HEXISTS, HINCRBY, DEL, ZSCORE, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, sender, sums
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Those who count, and what is over.
-- known(sender): the number of its last batch, and its name; nil: nobody knows it, or it was silent for a week
-- stay(sender, keep): it is live for so many ms; true: it was not any more, and what it had is the cluster's alone
-- collect(): some of what is over
local week = 604800000
local function known(sender)
  local till = call('ZSCORE', base .. ':known', sender)
  if not till or tonumber(till) <= now then return nil end
  local number, name = string.match(call('HGET', base .. ':senders', sender) or '', '^(%d+) (.*)$')
  return number and tonumber(number), name
end
local function leave(sender) call('DEL', base .. ':sums:' .. sender, base .. ':gauges:' .. sender) end
local function stay(sender, keep)
  local isGone = tonumber(call('ZSCORE', base .. ':live', sender) or 0) <= now
  if isGone then leave(sender) end
  call('ZADD', base .. ':live', int(now + keep), sender)
  call('ZADD', base .. ':known', int(now + week), sender)
  return isGone
end
local function over(index) return call('ZRANGEBYSCORE', base .. index, '-inf', int(now), 'LIMIT', 0, 16) end
local function collect()
  for _, sender in ipairs(over(':live')) do
    leave(sender)
    call('ZREM', base .. ':live', sender)
  end
  for _, sender in ipairs(over(':known')) do
    call('HDEL', base .. ':senders', sender)
    call('ZREM', base .. ':known', sender)
  end
  for _, bucket in ipairs(over(':buckets')) do
    call('DEL', base .. bucket)
    call('ZREM', base .. ':buckets', bucket)
  end
end
-- Sums by name, exact as far as a double is.
-- add(key, name, by)
-- put(kind, span, kept, at, name, by): into the bucket of that time, of so many ms, so many of which are kept
-- isCleared(name, sent, reset): it was reset since it was first sent, so many ms ago, by somebody who knew of this reset
local most, indexed = 9007199254740991, {}
local function add(key, name, by)
  local sum = call('HINCRBY', base .. key, name, by)
  if sum > most or sum < -most then call('HSET', base .. key, name, int(sum > 0 and most or -most)) end
end
local function put(kind, span, kept, at, name, by)
  local bucket = math.floor(at / span)
  if bucket + kept <= math.floor(now / span) then return end
  local key = kind .. int(bucket)
  add(key, name, by)
  if indexed[key] then return end
  indexed[key] = true
  call('ZADD', base .. ':buckets', int((bucket + kept) * span), key)
end
local function isCleared(name, sent, reset)
  local at = sent and call('ZSCORE', base .. ':resets', name)
  return at and tonumber(at) > reset and math.floor(tonumber(at) / 1000) >= now - sent
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local sender, number, refused = ARGV[2], tonumber(ARGV[3]), 0
local last, name = known(sender)
if not last then return { '', 'U', m.life } end
local isBehind = stay(sender, tonumber(ARGV[4])) or number > last + 1
if number > last then
  local sent, names = tonumber(ARGV[5]), call('HLEN', base .. ':totals')
  local first = 11 + 3 * ARGV[10]
  for i = 11, first - 1, 3 do
    local isNew = call('HEXISTS', base .. ':totals', ARGV[i]) == 0
    local isGone = isCleared(ARGV[i], sent, tonumber(ARGV[6]))
    if not isGone and isNew and names >= tonumber(ARGV[7]) then refused = refused + 1
    elseif not isGone then
      if isNew then names = names + 1 end
      add(':totals', ARGV[i], ARGV[i + 1])
      add(':sums:' .. sender, ARGV[i], ARGV[i + 1])
      local at = now - math.max(0, tonumber(ARGV[i + 2]))
      put(':1m:', 60000, tonumber(ARGV[8]), at, ARGV[i], ARGV[i + 1])
      put(':1h:', 3600000, tonumber(ARGV[9]), at, ARGV[i], ARGV[i + 1])
    end
  end
  for i = first, #ARGV, 4 do
    if not isCleared(ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])) then
      call('HSET', base .. ':gauges:' .. sender, ARGV[i], ARGV[i + 1])
    end
  end
  call('HSET', base .. ':senders', sender, ARGV[3] .. ' ' .. name)
end
collect()
return { '', 'K', int(now), int(m.reset), isBehind and 1 or 0, refused }
`
})

/** Makes somebody who counts known. Returns {format} of newer data, else {"", now, last reset, life} Cost: O(log senders) */
export const statsJoin = Script.make({
  name: "Stats/join",
  adds: true,
  sha: "bbf0a4e56677f388ed4828d776cd0e802c439d9d",
  keys: ["stats", "meta"],
  args: ["now", "sender", "name", "life", "keep"],
  commands: ["TIME", "HMGET", "HSET", "HGET", "HDEL", "DEL", "ZSCORE", "ZADD", "ZREM", "ZRANGEBYSCORE"],
  source: `#!lua
-- Makes somebody who counts known.
-- KEYS[1] stats  what all keys begin with
-- KEYS[2] meta   hash: format, life, reset
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] sender  an id, never used before
-- ARGV[3] name    the peer's
-- ARGV[4] life    a name for the data, should it begin
-- ARGV[5] keep    so many ms it is live
-- RETURNS {format} of newer data, else {"", now, last reset, life}
-- COST O(log senders)
-- COMMANDS TIME, HMGET, HSET, HGET, HDEL, DEL, ZSCORE, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, sender
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Those who count, and what is over.
-- known(sender): the number of its last batch, and its name; nil: nobody knows it, or it was silent for a week
-- stay(sender, keep): it is live for so many ms; true: it was not any more, and what it had is the cluster's alone
-- collect(): some of what is over
local week = 604800000
local function known(sender)
  local till = call('ZSCORE', base .. ':known', sender)
  if not till or tonumber(till) <= now then return nil end
  local number, name = string.match(call('HGET', base .. ':senders', sender) or '', '^(%d+) (.*)$')
  return number and tonumber(number), name
end
local function leave(sender) call('DEL', base .. ':sums:' .. sender, base .. ':gauges:' .. sender) end
local function stay(sender, keep)
  local isGone = tonumber(call('ZSCORE', base .. ':live', sender) or 0) <= now
  if isGone then leave(sender) end
  call('ZADD', base .. ':live', int(now + keep), sender)
  call('ZADD', base .. ':known', int(now + week), sender)
  return isGone
end
local function over(index) return call('ZRANGEBYSCORE', base .. index, '-inf', int(now), 'LIMIT', 0, 16) end
local function collect()
  for _, sender in ipairs(over(':live')) do
    leave(sender)
    call('ZREM', base .. ':live', sender)
  end
  for _, sender in ipairs(over(':known')) do
    call('HDEL', base .. ':senders', sender)
    call('ZREM', base .. ':known', sender)
  end
  for _, bucket in ipairs(over(':buckets')) do
    call('DEL', base .. bucket)
    call('ZREM', base .. ':buckets', bucket)
  end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local sender = ARGV[2]
if m.life == '' then
  m.life = ARGV[4]
  call('HSET', KEYS[2], 'format', '1', 'life', m.life)
end
if not known(sender) then call('HSET', base .. ':senders', sender, '0 ' .. ARGV[3]) end
stay(sender, tonumber(ARGV[5]))
collect()
return { '', int(now), int(m.reset), m.life }
`
})

/** All sums, and what each of those who are live has counted and says. Returns {format} of newer data, else {"", {name, sum, ...}, peer, {name, sum, ...}, {gauge, value, ...}, ...} Cost: O(names of all peers) */
export const statsPeers = Script.make({
  name: "Stats/peers",
  adds: false,
  sha: "a8f4f143dde6d208f72c03c63a0857f921a2465c",
  keys: ["stats", "meta"],
  args: ["now"],
  commands: ["TIME", "HMGET", "HGET", "HGETALL", "ZRANGEBYSCORE"],
  source: `#!lua flags=allow-oom
-- All sums, and what each of those who are live has counted and says.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now  ms since 1970; empty: the server's own clock
-- RETURNS {format} of newer data, else {"", {name, sum, ...}, peer, {name, sum, ...}, {gauge, value, ...}, ...}
-- COST O(names of all peers)
-- COMMANDS TIME, HMGET, HGET, HGETALL, ZRANGEBYSCORE
-- PARTS ground, live
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- live(): ids of the senders that are
local function live() return call('ZRANGEBYSCORE', base .. ':live', '(' .. int(now), '+inf') end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = { '', call('HGETALL', base .. ':totals') }
for _, sender in ipairs(live()) do
  local record, n = call('HGET', base .. ':senders', sender), #reply
  reply[n + 1] = string.match(record or '', '^%d+ (.*)$') or ''
  reply[n + 2] = call('HGETALL', base .. ':sums:' .. sender)
  reply[n + 3] = call('HGETALL', base .. ':gauges:' .. sender)
end
return reply
`
})

/** Keeps somebody who has nothing to say live. Returns as flush Cost: O(log senders) */
export const statsRenew = Script.make({
  name: "Stats/renew",
  adds: false,
  sha: "db436d65ef514893511a0ad12eb1d7e204610d1a",
  keys: ["stats", "meta"],
  args: ["now", "sender", "number", "keep"],
  commands: ["TIME", "HMGET", "HGET", "HDEL", "DEL", "ZSCORE", "ZADD", "ZREM", "ZRANGEBYSCORE"],
  source: `#!lua flags=allow-oom
-- Keeps somebody who has nothing to say live.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] sender
-- ARGV[3] number  of its last batch that was answered
-- ARGV[4] keep    as in join
-- RETURNS as flush
-- COST O(log senders)
-- COMMANDS TIME, HMGET, HGET, HDEL, DEL, ZSCORE, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, sender
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- Those who count, and what is over.
-- known(sender): the number of its last batch, and its name; nil: nobody knows it, or it was silent for a week
-- stay(sender, keep): it is live for so many ms; true: it was not any more, and what it had is the cluster's alone
-- collect(): some of what is over
local week = 604800000
local function known(sender)
  local till = call('ZSCORE', base .. ':known', sender)
  if not till or tonumber(till) <= now then return nil end
  local number, name = string.match(call('HGET', base .. ':senders', sender) or '', '^(%d+) (.*)$')
  return number and tonumber(number), name
end
local function leave(sender) call('DEL', base .. ':sums:' .. sender, base .. ':gauges:' .. sender) end
local function stay(sender, keep)
  local isGone = tonumber(call('ZSCORE', base .. ':live', sender) or 0) <= now
  if isGone then leave(sender) end
  call('ZADD', base .. ':live', int(now + keep), sender)
  call('ZADD', base .. ':known', int(now + week), sender)
  return isGone
end
local function over(index) return call('ZRANGEBYSCORE', base .. index, '-inf', int(now), 'LIMIT', 0, 16) end
local function collect()
  for _, sender in ipairs(over(':live')) do
    leave(sender)
    call('ZREM', base .. ':live', sender)
  end
  for _, sender in ipairs(over(':known')) do
    call('HDEL', base .. ':senders', sender)
    call('ZREM', base .. ':known', sender)
  end
  for _, bucket in ipairs(over(':buckets')) do
    call('DEL', base .. bucket)
    call('ZREM', base .. ':buckets', bucket)
  end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local sender = ARGV[2]
local last = known(sender)
if not last then return { '', 'U', m.life } end
local isBehind = stay(sender, tonumber(ARGV[4])) or tonumber(ARGV[3]) > last
collect()
return { '', 'K', int(now), int(m.reset), isBehind and 1 or 0, 0 }
`
})

/** Clears a name everywhere, and remembers that it did. Returns {format} of newer data, else {"", number of this reset}: the server's time in µs, or one more than the last Cost: O(senders + buckets) */
export const statsReset = Script.make({
  name: "Stats/reset",
  adds: false,
  sha: "98d89d6dadd92380921d56fc9457902714b1ca3a",
  keys: ["stats", "meta"],
  args: ["now", "name", "most", "memory"],
  commands: ["TIME", "HMGET", "HSET", "HDEL", "ZADD", "ZRANGE", "ZREMRANGEBYSCORE", "ZREMRANGEBYRANK"],
  source: `#!lua flags=allow-oom
-- Clears a name everywhere, and remembers that it did.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now     ms since 1970; empty: the server's own clock
-- ARGV[2] name
-- ARGV[3] most    resets that are remembered
-- ARGV[4] memory  ms
-- RETURNS {format} of newer data, else {"", number of this reset}: the server's time in µs, or one more than the last
-- COST O(senders + buckets)
-- COMMANDS TIME, HMGET, HSET, HDEL, ZADD, ZRANGE, ZREMRANGEBYSCORE, ZREMRANGEBYRANK
-- PARTS ground
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local name, resets = ARGV[2], base .. ':resets'
call('HDEL', base .. ':totals', name)
for _, sender in ipairs(call('ZRANGE', base .. ':live', 0, -1)) do
  call('HDEL', base .. ':sums:' .. sender, name)
  call('HDEL', base .. ':gauges:' .. sender, name)
end
for _, bucket in ipairs(call('ZRANGE', base .. ':buckets', 0, -1)) do call('HDEL', base .. bucket, name) end
local reset = int(math.max(m.reset + 1, micros))
call('HSET', KEYS[2], 'format', '1', 'reset', reset)
call('ZADD', resets, reset, name)
call('ZREMRANGEBYSCORE', resets, '-inf', int((now - ARGV[4]) * 1000))
call('ZREMRANGEBYRANK', resets, 0, -1 - ARGV[3])
return { '', reset }
`
})

/** One name's sums by bucket, the last of which is the present one. Returns {format} of newer data, else {"", number of the last bucket, sum, ...}, the oldest first Cost: O(count) */
export const statsSeries = Script.make({
  name: "Stats/series",
  adds: false,
  sha: "dc9d770a033bf3872d85cb795ce32926ee45e74b",
  keys: ["stats", "meta"],
  args: ["now", "kind", "span", "count", "name"],
  commands: ["TIME", "HMGET", "HGET"],
  source: `#!lua flags=allow-oom
-- One name's sums by bucket, the last of which is the present one.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] kind   of buckets: 1m or 1h
-- ARGV[3] span   of a bucket, ms
-- ARGV[4] count  of buckets
-- ARGV[5] name
-- RETURNS {format} of newer data, else {"", number of the last bucket, sum, ...}, the oldest first
-- COST O(count)
-- COMMANDS TIME, HMGET, HGET
-- PARTS ground
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local last = math.floor(now / ARGV[3])
local reply = { '', int(last) }
for bucket = last - ARGV[4] + 1, last do
  reply[#reply + 1] = call('HGET', base .. ':' .. ARGV[2] .. ':' .. int(bucket), ARGV[5]) or '0'
end
return reply
`
})

/** All sums, and the gauges of those who are live. Returns {format} of newer data, else {"", {name, sum, ...}, {gauge, value, ...}, ...} Cost: O(names + gauges) */
export const statsTotals = Script.make({
  name: "Stats/totals",
  adds: false,
  sha: "26ad311f51c262819fa9f815c00d0ad6217733ea",
  keys: ["stats", "meta"],
  args: ["now"],
  commands: ["TIME", "HMGET", "HGETALL", "ZRANGEBYSCORE"],
  source: `#!lua flags=allow-oom
-- All sums, and the gauges of those who are live.
-- KEYS[1] stats  as in join
-- KEYS[2] meta   as in join
-- ARGV[1] now  ms since 1970; empty: the server's own clock
-- RETURNS {format} of newer data, else {"", {name, sum, ...}, {gauge, value, ...}, ...}
-- COST O(names + gauges)
-- COMMANDS TIME, HMGET, HGETALL, ZRANGEBYSCORE
-- PARTS ground, live
-- Time, and what the meta of the sums says: a hash of format, life, last reset.
-- call, base: redis.call, and what all keys begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(stats, meta): begins; false: the data is of a newer format
-- m: format, life, reset
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function open(stats, meta)
  local v = call('HMGET', meta, 'format', 'life', 'reset')
  base, m = stats, { format = v[1] or '1', life = v[2] or '', reset = tonumber(v[3] or 0) }
  return m.format == '1'
end
-- live(): ids of the senders that are
local function live() return call('ZRANGEBYSCORE', base .. ':live', '(' .. int(now), '+inf') end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = { '', call('HGETALL', base .. ':totals') }
for _, sender in ipairs(live()) do
  local gauges = call('HGETALL', base .. ':gauges:' .. sender)
  if #gauges > 0 then reply[#reply + 1] = gauges end
end
return reply
`
})

/** What is known of a task's end; notes that somebody awaits it. Returns {format} of newer data, else {"", W waiting | U unknown | X cancelled}, {"", C completed | F failed, answer} or {"", D, reason, error} Cost: O(1) */
export const taskqueueAnswer = Script.make({
  name: "TaskQueue/answer",
  adds: false,
  sha: "0356e9c306bee0894544f0e805f18504d7a929c7",
  keys: ["queue", "meta"],
  args: ["now", "id", "wait"],
  commands: ["TIME", "HMGET", "HGET", "HSET", "HEXISTS", "ZSCORE"],
  source: `#!lua flags=allow-oom
-- What is known of a task's end; notes that somebody awaits it.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- ARGV[3] wait      ms
-- RETURNS {format} of newer data, else {"", W waiting | U unknown | X cancelled}, {"", C completed | F failed, answer} or
-- {"", D, reason, error}
-- COST O(1)
-- COMMANDS TIME, HMGET, HGET, HSET, HEXISTS, ZSCORE
-- PARTS ground
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local known = call('HGET', base .. ':ids', ARGV[2])
local number = known and string.match(known, '^%d+') or m.life and string.match(ARGV[2], '^(%d+)%.' .. m.life .. '$')
if not number then return { '', 'U' } end
local till, kind, text = string.match(call('HGET', base .. ':results', number) or '', '^(%d+) (%a) %d+\\n(.*)$')
if till and tonumber(till) > now then return { '', kind, text } end
if call('HEXISTS', base .. ':tasks', number) == 0 then return { '', 'U' } end
if call('ZSCORE', base .. ':dead', string.format('%016.0f', number)) then
  local reason, error = string.match(call('HGET', base .. ':errors', number) or '', '^(%a*)\\n(.*)$')
  return { '', 'D', reason or '', error or '' }
end
if call('HEXISTS', base .. ':cancelled', number) == 1 then return { '', 'X' } end
local awaited = now + ARGV[3]
if awaited > now and awaited > m.awaited then call('HSET', base .. ':meta', 'awaited', int(awaited)) end
return { '', 'W' }
`
})

/** The heartbeat of claimers, one of each queue named: renews leases, and takes back what belongs to whoever has none. Returns "", then of each queue {format} of newer data, else {"", held, fence, ready, paused, due in ms or -1, more, what contradicts, number cancelled, ...} Cost: O(queues + what is reaped) */
export const taskqueueBeat = Script.make({
  name: "TaskQueue/beat",
  adds: false,
  sha: "9f42446b94fd8bf17c7d3a208df405d3c7bca206",
  keys: [],
  args: ["now"],
  variadic: "rest",
  variadicKeys: "queues",
  commands: [
    "TIME",
    "EXISTS",
    "DEL",
    "RENAME",
    "HMGET",
    "HGET",
    "HGETALL",
    "HSET",
    "HDEL",
    "LPOP",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZCARD",
    "ZCOUNT",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH",
    "HLEN"
  ],
  source: `#!lua flags=allow-oom
-- The heartbeat of claimers, one of each queue named: renews leases, and takes back what belongs to whoever has none.
-- KEYS[1...] queues of each claimer queue and meta, as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2...] rest   of each queue claimer, lease in ms, dead letters kept, ms they are kept, last step answered, what is held
-- since, and when the step under way is applied, as contradiction says, how many lanes, lanes
-- RETURNS "", then of each queue {format} of newer data, else {"", held, fence, ready, paused, due in ms or -1, more, what
-- contradicts, number cancelled, ...}
-- COST O(queues + what is reaped)
-- COMMANDS TIME, EXISTS, DEL, RENAME, HMGET, HGET, HGETALL, HSET, HDEL, LPOP, RPUSH, ZADD, ZREM, ZSCORE, ZCARD, ZCOUNT, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end, dead, collect, reap, abandoned, holds
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- How a task ends. What is to be written and to be cleared away is gathered, and clear() does it.
-- keep(number, record, kind, answer): kinds are C completed, F failed, X cancelled; toldTo(number, record): whoever awaits
-- summon(key): if a place is free whoever waits for it longest goes to the front of its lane; where that is for one peer
-- alone, which may be away, the next as well
-- vacate(number, record): it has a place no more
-- unhold(number, record): its unique key is free, or kept for its window
-- finish(number, record, kind, answer): all of that but its place; no kind, no answer
local gone, ended, kept, known, expires = {}, {}, {}, {}, {}
local function expire(over, member) expires[#expires + 1], expires[#expires + 2] = int(over), member end
local function toldTo(number, record)
  if now < m.awaited and field(record, 'k') then ended[#ended + 1] = idOf(number, record) end
end
local function keep(number, record, kind, answer)
  local over = now + tonumber(field(record, 'k') or 0)
  if over == now then return end
  local head = int(over) .. ' ' .. kind .. ' ' .. string.match(record, '^1 (%d+)') .. '\\n'
  kept[#kept + 1], kept[#kept + 2] = number, head .. answer
  expire(over, 'r' .. number)
  toldTo(number, record)
end
local function summon(key)
  while true do
    local first = call('ZRANGE', base .. ':waiting:' .. key, 0, 0)[1]
    local its = first and call('HGET', base .. ':tasks', first)
    if not first or its and not isKnown(its) then return end
    if its and call('HLEN', base .. ':running:' .. key) >= tonumber(field(its, 'n')) then return end
    call('ZREM', base .. ':waiting:' .. key, first)
    if its then
      toFront(first, laneOf(its), select(2, tries(call('HGET', base .. ':attempts', first))))
      if string.sub(laneOf(its), 1, 1) == 'l' then return end
    end
  end
end
local function vacate(number, record)
  local key = field(record, 'p')
  if not key then return end
  call('HDEL', base .. ':running:' .. key, number)
  summon(key)
end
local function unhold(number, record)
  local key = field(record, 'u')
  local holder = key and call('HGET', base .. ':unique', key)
  if not holder or string.match(holder, '^(%d+) %S+$') ~= number then return end
  local over = now + tonumber(field(record, 'w') or 0)
  if over == now then call('HDEL', base .. ':unique', key) return end
  call('HSET', base .. ':unique', key, holder .. ' ' .. int(over))
  expire(over, 'u' .. key)
end
local function finish(number, record, kind, answer)
  gone[#gone + 1] = number
  unhold(number, record)
  if kind then keep(number, record, kind, answer) end
  local id = field(record, 'i')
  if not id then return end
  known[#known + 1], known[#known + 2] = id, number .. ' ' .. int(now + 3600000)
  expire(now + math.max(3600000, tonumber(field(record, 'k') or 0)), 'i' .. id)
end
local function clear()
  if #gone > 0 then
    for _, suffix in ipairs({ ':tasks', ':attempts', ':errors', ':progress', ':cancelled' }) do many('HDEL', suffix, gone) end
  end
  if #ended > 0 then tell('!ends', table.concat(ended, ' ')) end
  many('HSET', ':results', kept)
  many('HSET', ':ids', known)
  many('ZADD', ':expiring', expires)
  gone, ended, kept, known, expires = {}, {}, {}, {}, {}
end
-- Dead letters.
-- kill(number, record, reason, error, attempts, crashes): it dies now
-- trim(capacity, timeToLive): ends those that are too old or too many, at most 128
local function kill(number, record, reason, error, attempts, crashes)
  call('HSET', base .. ':attempts', number, int(attempts) .. ' ' .. int(crashes))
  call('HSET', base .. ':errors', number, reason .. '\\n' .. error)
  call('ZADD', base .. ':dead', int(now), pad(number))
  unhold(number, record)
  event('D', number, record, reason)
end
local function trim(capacity, timeToLive)
  local dead = base .. ':dead'
  local old = call('ZCOUNT', dead, '-inf', int(now - timeToLive))
  local count = math.min(128, math.max(old, call('ZCARD', dead) - capacity))
  if count <= 0 then return end
  for _, member in ipairs(call('ZRANGE', dead, 0, int(count - 1))) do
    local number = bare(member)
    local record = call('HGET', base .. ':tasks', number)
    if not record or isKnown(record) then
      call('ZREM', dead, member)
      if record then finish(number, record) end
    end
  end
end
-- collect(most): what is kept after an end, and what is remembered of a sender or a schedule, as far as its time is over.
-- An entry that lives again has no time; one that was kept longer stands there again under its later time.
local function collect(most)
  local over = call('ZRANGEBYSCORE', base .. ':expiring', '-inf', int(now), 'LIMIT', 0, most)
  if #over == 0 then return end
  many('ZREM', ':expiring', over)
  local results = {}
  for _, member in ipairs(over) do
    local kind, name = string.sub(member, 1, 1), string.sub(member, 2)
    if kind == 'r' then results[#results + 1] = name
    elseif kind == 'c' then call('HDEL', base .. ':schedules', name)
    elseif kind == 't' then call('DEL', base .. ':starts')
    elseif kind == 's' then
      local at = string.match(call('HGET', base .. ':meta', '=' .. name) or '', '^%d+ (%d+)')
      if at and at + 3600000 > now then call('ZADD', base .. ':expiring', int(at + 3600000), member)
      -- Whoever still holds something may still ask what its last step was answered.
      elseif call('EXISTS', base .. ':claimed:' .. name) == 1 then call('ZADD', base .. ':expiring', int(now + 3600000), member)
      else call('HDEL', base .. ':meta', '=' .. name) end
    else
      local key, pattern = base .. ':ids', '^%d+ (%d+)$'
      if kind == 'u' then key, pattern = base .. ':unique', '^%d+ %S+ (%d+)$' end
      local till = string.match(call('HGET', key, name) or '', pattern)
      if till and tonumber(till) <= now then call('HDEL', key, name) end
    end
  end
  many('HDEL', ':results', results)
end
-- What belongs to whom nobody hears of any more.
-- take(caller): takes all claims away from claimers whose lease is over, and wakes them no more; claims lie in
-- \`:claimed:<claimer>!<when>\` since. What their last step was answered is remembered: it may be asked for again
-- back(): gives at most 256 of what was taken away back to the queue; true: as many as that
local function take(caller)
  for _, claimer in ipairs(call('ZRANGEBYSCORE', base .. ':leases', '-inf', '(' .. int(now))) do
    if claimer ~= caller and not string.find(claimer, '!', 1, true) then
      local held, taken = base .. ':claimed:' .. claimer, claimer .. '!' .. int(now)
      if call('EXISTS', held) == 1 then
        call('RENAME', held, base .. ':claimed:' .. taken)
        call('ZADD', base .. ':leases', 0, taken)
      end
      call('ZREM', base .. ':leases', claimer)
      call('ZREM', base .. ':idle', claimer)
    end
  end
end
local function give(number, letter, record)
  vacate(number, record)
  if letter == 'c' then return finish(number, record, 'X', '') end
  local attempts, crashes = tries(call('HGET', base .. ':attempts', number))
  if letter == 'r' then attempts, crashes = attempts + 1, crashes + 1 end
  if letter == 'r' and crashes >= 3 then
    kill(number, record, 'PeerCrashes', 'its peer went away while it ran', attempts, crashes)
    return toldTo(number, record)
  end
  if letter == 'r' then
    call('HSET', base .. ':attempts', number, int(attempts) .. ' ' .. int(crashes))
    event('B', number, record)
  end
  toFront(number, laneOf(record), crashes)
end
local function back()
  local left = 256
  for _, claimer in ipairs(call('ZRANGEBYSCORE', base .. ':leases', 0, 0)) do
    local key = base .. ':claimed:' .. claimer
    local flat, held = left > 0 and call('HGETALL', key) or {}, {}
    for i = 1, #flat, 2 do held[#held + 1] = { flat[i], string.sub(flat[i + 1], 1, 1) } end
    -- What a page leaves behind must be younger than what it gives back.
    table.sort(held, function(one, other) return tonumber(one[1]) < tonumber(other[1]) end)
    for _, claim in ipairs(held) do
      local record = call('HGET', base .. ':tasks', claim[1])
      if left > 0 and (not record or isKnown(record)) then
        left = left - 1
        call('HDEL', key, claim[1])
        if record then give(claim[1], claim[2], record) end
      end
    end
    if call('EXISTS', key) == 0 then call('ZREM', base .. ':leases', claimer) end
  end
  return left == 0
end
-- abandoned(lane): what waits for a peer that has not worked for an hour, while others did, goes to the end of that lane,
-- at most 128. A name for which nothing waits is forgotten.
local function move(number, from, to)
  local record = call('HGET', base .. ':tasks', number)
  if not record or not isKnown(record) then return record and call('RPUSH', base .. ':ready:' .. from, number) end
  local first, last = string.find(record, ' l=[^ \\n]*')
  local rest = string.sub(record, last + 1)
  call('HSET', base .. ':tasks', number, string.sub(record, 1, first - 1) .. (to == 'l' and '' or ' l=' .. to) .. rest)
  toEnd(number, to)
end
local function abandoned(lane)
  local names = call('ZRANGE', base .. ':names', 0, 127, 'WITHSCORES')
  local left = 128
  for i = 1, #names, 2 do
    local from = 'p' .. names[i]
    local ready, front, suspect = base .. ':ready:' .. from, base .. ':front:' .. from, base .. ':suspect:' .. from
    if math.max(tonumber(names[i + 1]), m.judgeFrom) + 3600000 <= now then
      for _, key in ipairs({ suspect, front }) do
        local some = left > 0 and call('ZPOPMIN', key, left) or {}
        for j = 1, #some, 2 do move(some[j], from, lane) end
        left = left - #some / 2
      end
      local some = left > 0 and call('LPOP', ready, left) or {}
      for _, number in ipairs(some) do move(number, from, lane) end
      left = left - #some
    end
    if call('EXISTS', ready, front, suspect) == 0 then call('ZREM', base .. ':names', names[i]) end
  end
end
-- contradiction(claimer): what the claimer holds, as {number, fence, ...}, where that is not what it says and there is no step
-- that it does not know of; else ''. ARGV holds from there on the last step that was answered, what it holds since, and what
-- of that when the step under way is applied, or '' where none is; each as "<how many> <sum of fences modulo 2^32>".
local function contradiction(claimer, from)
  local answered, holds, holdsNext = tonumber(ARGV[from]), ARGV[from + 1], ARGV[from + 2]
  local sequence, first, last = string.match(m.memo or '0 0 0 0', '^(%d+) %d+ (%d+) (%d+)')
  local isNext = tonumber(sequence) > answered
  if isNext and (tonumber(sequence) > answered + 1 or holdsNext == '') then return '' end
  local held, known, sum = call('HGETALL', base .. ':claimed:' .. claimer), {}, 0
  for i = 1, #held, 2 do
    local text = string.sub(held[i + 1], 2)
    local fence = tonumber(text)
    -- What the step under way was given nobody has been told of.
    if not isNext or fence < tonumber(first) or fence > tonumber(last) then
      known[#known + 1], known[#known + 2], sum = held[i], text, sum + fence % 4294967296
    end
  end
  return int(#known / 2) .. ' ' .. int(sum) == (isNext and holdsNext or holds) and '' or known
end
local reply, at = { '' }, 2
local function beat()
  local claimer, lease, lanes, lowest = ARGV[at], tonumber(ARGV[at + 1]), {}, 'l'
  for i = at + 8, at + 7 + ARGV[at + 7] do
    local lane = ARGV[i]
    for _, kind in ipairs({ ':ready:', ':front:', ':suspect:' }) do lanes[#lanes + 1] = base .. kind .. lane end
    if string.sub(lane, 1, 1) == 'l' then lowest = lane end
  end
  local isSilent = not m.tick or now < m.tick or now - m.tick > lease / 2
  if isSilent then m.judgeFrom = now + lease end
  call('HSET', base .. ':meta', 'tick', int(now), 'judge', int(m.judgeFrom))
  local isHeld = call('ZSCORE', base .. ':leases', claimer)
  if isHeld then call('ZADD', base .. ':leases', int(now + lease), claimer) end
  call('ZADD', base .. ':names', 'XX', int(now), string.match(claimer, '^(.*)%.') or '')
  if now >= m.judgeFrom then take(claimer) end
  local isMore = back()
  trim(tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]))
  collect(128)
  abandoned(lowest)
  clear()
  flush()
  wakeAll()
  report()
  local cancelled, isReady = call('HGETALL', base .. ':cancelled'), #lanes > 0 and call('EXISTS', unpack(lanes)) > 0
  local due = tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
  local mine = { '', isHeld and 1 or 0, int(m.fence), isReady and 1 or 0, m.isPaused and 1 or 0, due and int(math.max(0, due - now)) or -1, isMore and 1 or 0 }
  mine[8] = contradiction(claimer, at + 4)
  for i = 1, #cancelled, 2 do
    if cancelled[i + 1] == claimer then mine[#mine + 1] = cancelled[i] end
  end
  return mine
end
for i = 1, #KEYS, 2 do
  reply[#reply + 1] = open(KEYS[i], KEYS[i + 1], ARGV[at]) and beat() or { m.format }
  at = at + 8 + ARGV[at + 7]
end
return reply
`
})

/** Ends a task that waits or sleeps; tells the claimer of one that runs. Returns {format} of newer data, else {"", 1}, or {"", 0} where there is no such task, or a dead one Cost: O(claimers) */
export const taskqueueCancel = Script.make({
  name: "TaskQueue/cancel",
  adds: false,
  sha: "49dd2aa947bd08a220d9b219b4ae241336aaf128",
  keys: ["queue", "meta"],
  args: ["now", "id"],
  commands: [
    "TIME",
    "HMGET",
    "HGET",
    "HSET",
    "HDEL",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH",
    "HLEN"
  ],
  source: `#!lua flags=allow-oom
-- Ends a task that waits or sleeps; tells the claimer of one that runs.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where there is no such task, or a dead one
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, RPUSH, ZADD, ZREM, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end, look, unqueue
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- How a task ends. What is to be written and to be cleared away is gathered, and clear() does it.
-- keep(number, record, kind, answer): kinds are C completed, F failed, X cancelled; toldTo(number, record): whoever awaits
-- summon(key): if a place is free whoever waits for it longest goes to the front of its lane; where that is for one peer
-- alone, which may be away, the next as well
-- vacate(number, record): it has a place no more
-- unhold(number, record): its unique key is free, or kept for its window
-- finish(number, record, kind, answer): all of that but its place; no kind, no answer
local gone, ended, kept, known, expires = {}, {}, {}, {}, {}
local function expire(over, member) expires[#expires + 1], expires[#expires + 2] = int(over), member end
local function toldTo(number, record)
  if now < m.awaited and field(record, 'k') then ended[#ended + 1] = idOf(number, record) end
end
local function keep(number, record, kind, answer)
  local over = now + tonumber(field(record, 'k') or 0)
  if over == now then return end
  local head = int(over) .. ' ' .. kind .. ' ' .. string.match(record, '^1 (%d+)') .. '\\n'
  kept[#kept + 1], kept[#kept + 2] = number, head .. answer
  expire(over, 'r' .. number)
  toldTo(number, record)
end
local function summon(key)
  while true do
    local first = call('ZRANGE', base .. ':waiting:' .. key, 0, 0)[1]
    local its = first and call('HGET', base .. ':tasks', first)
    if not first or its and not isKnown(its) then return end
    if its and call('HLEN', base .. ':running:' .. key) >= tonumber(field(its, 'n')) then return end
    call('ZREM', base .. ':waiting:' .. key, first)
    if its then
      toFront(first, laneOf(its), select(2, tries(call('HGET', base .. ':attempts', first))))
      if string.sub(laneOf(its), 1, 1) == 'l' then return end
    end
  end
end
local function vacate(number, record)
  local key = field(record, 'p')
  if not key then return end
  call('HDEL', base .. ':running:' .. key, number)
  summon(key)
end
local function unhold(number, record)
  local key = field(record, 'u')
  local holder = key and call('HGET', base .. ':unique', key)
  if not holder or string.match(holder, '^(%d+) %S+$') ~= number then return end
  local over = now + tonumber(field(record, 'w') or 0)
  if over == now then call('HDEL', base .. ':unique', key) return end
  call('HSET', base .. ':unique', key, holder .. ' ' .. int(over))
  expire(over, 'u' .. key)
end
local function finish(number, record, kind, answer)
  gone[#gone + 1] = number
  unhold(number, record)
  if kind then keep(number, record, kind, answer) end
  local id = field(record, 'i')
  if not id then return end
  known[#known + 1], known[#known + 2] = id, number .. ' ' .. int(now + 3600000)
  expire(now + math.max(3600000, tonumber(field(record, 'k') or 0)), 'i' .. id)
end
local function clear()
  if #gone > 0 then
    for _, suffix in ipairs({ ':tasks', ':attempts', ':errors', ':progress', ':cancelled' }) do many('HDEL', suffix, gone) end
  end
  if #ended > 0 then tell('!ends', table.concat(ended, ' ')) end
  many('HSET', ':results', kept)
  many('HSET', ':ids', known)
  many('ZADD', ':expiring', expires)
  gone, ended, kept, known, expires = {}, {}, {}, {}, {}
end
-- resolve(id): number and record of the task with that id; of one that has ended the number at most
-- stateOf(number, record): R ready; S sleeping, and until when; C claimed, and by whom; X dead, and since when
-- row(number, record, state, at): what is told of a task
local function resolve(id)
  local known = call('HGET', base .. ':ids', id)
  local number = known and string.match(known, '^%d+') or m.life and string.match(id, '^(%d+)%.' .. m.life .. '$')
  if number then return number, call('HGET', base .. ':tasks', number) end
end
local function stateOf(number, record)
  local died = call('ZSCORE', base .. ':dead', pad(number))
  if died then return 'X', died end
  local due = call('ZSCORE', base .. ':delayed', pad(number) .. ' ' .. laneOf(record))
  if due then return 'S', due end
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    local held = call('HGET', base .. ':claimed:' .. claimer, number)
    if held then return 'C', claimer, held end
  end
  return 'R'
end
local function row(number, record, state, at)
  return {
    number, record, state, at or '', call('HGET', base .. ':attempts', number), call('HGET', base .. ':errors', number),
    call('HGET', base .. ':progress', number)
  }
end
-- unqueue(number, record): it waits nowhere any more, but for a number in a list that then stands for nothing
local function unqueue(number, record)
  local lane, place = laneOf(record), field(record, 'p')
  if call('ZREM', base .. ':delayed', pad(number) .. ' ' .. lane) == 1 then return end
  call('ZREM', base .. ':front:' .. lane, number)
  call('ZREM', base .. ':suspect:' .. lane, number)
  -- Perhaps it was the one that a free place had been for: nobody else would call the next.
  if place and call('ZREM', base .. ':waiting:' .. place, number) == 0 then summon(place) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local number, record = resolve(ARGV[2])
if not record then return { '', 0 } end
if not isKnown(record) then return { string.match(record, '^%S*') .. ' ' } end
local state, claimer, held = stateOf(number, record)
if state == 'X' then return { '', 0 } end
if state ~= 'C' or string.byte(held) ~= 99 then event('X', number, record) end
if state == 'C' then
  call('HSET', base .. ':claimed:' .. claimer, number, 'c' .. string.sub(held, 2))
  call('HSET', base .. ':cancelled', number, claimer)
  tell(claimer, 'cancel ' .. number)
else
  unqueue(number, record)
  finish(number, record, 'X', '')
end
clear()
wakeAll()
report()
return { '', 1 }
`
})

/** How many tasks are in each state. Returns {format} of newer data, else {"", all, sleeping, claimed, dead, paused} Cost: O(claimers) */
export const taskqueueCounts = Script.make({
  name: "TaskQueue/counts",
  adds: false,
  sha: "526f267996f60db4ec9ca18108318216660d4831",
  keys: ["queue", "meta"],
  args: ["now"],
  commands: ["TIME", "HMGET", "HLEN", "ZCARD", "ZRANGE"],
  source: `#!lua flags=allow-oom
-- How many tasks are in each state.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- RETURNS {format} of newer data, else {"", all, sleeping, claimed, dead, paused}
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HLEN, ZCARD, ZRANGE
-- PARTS ground
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local claimed = 0
for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
  claimed = claimed + call('HLEN', base .. ':claimed:' .. claimer)
end
local all, sleeping, dead = call('HLEN', base .. ':tasks'), call('ZCARD', base .. ':delayed'), call('ZCARD', base .. ':dead')
return { '', all, sleeping, claimed, dead, m.isPaused and 1 or 0 }
`
})

/** A claimer goes: what it holds goes back, uncounted, and it is forgotten. Of a sender the last batch is forgotten. Returns {format} of newer data, else {""} Cost: O(claims) */
export const taskqueueDepart = Script.make({
  name: "TaskQueue/depart",
  adds: false,
  sha: "bf8dc2389bdb0427d1eb51564762de586e7b9ae5",
  keys: ["queue", "meta"],
  args: ["now", "who"],
  commands: [
    "TIME",
    "DEL",
    "HMGET",
    "HGET",
    "HGETALL",
    "HSET",
    "HDEL",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH",
    "HLEN"
  ],
  source: `#!lua flags=allow-oom
-- A claimer goes: what it holds goes back, uncounted, and it is forgotten. Of a sender the last batch is forgotten.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] who       a claimer, or a sender
-- RETURNS {format} of newer data, else {""}
-- COST O(claims)
-- COMMANDS TIME, DEL, HMGET, HGET, HGETALL, HSET, HDEL, RPUSH, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- How a task ends. What is to be written and to be cleared away is gathered, and clear() does it.
-- keep(number, record, kind, answer): kinds are C completed, F failed, X cancelled; toldTo(number, record): whoever awaits
-- summon(key): if a place is free whoever waits for it longest goes to the front of its lane; where that is for one peer
-- alone, which may be away, the next as well
-- vacate(number, record): it has a place no more
-- unhold(number, record): its unique key is free, or kept for its window
-- finish(number, record, kind, answer): all of that but its place; no kind, no answer
local gone, ended, kept, known, expires = {}, {}, {}, {}, {}
local function expire(over, member) expires[#expires + 1], expires[#expires + 2] = int(over), member end
local function toldTo(number, record)
  if now < m.awaited and field(record, 'k') then ended[#ended + 1] = idOf(number, record) end
end
local function keep(number, record, kind, answer)
  local over = now + tonumber(field(record, 'k') or 0)
  if over == now then return end
  local head = int(over) .. ' ' .. kind .. ' ' .. string.match(record, '^1 (%d+)') .. '\\n'
  kept[#kept + 1], kept[#kept + 2] = number, head .. answer
  expire(over, 'r' .. number)
  toldTo(number, record)
end
local function summon(key)
  while true do
    local first = call('ZRANGE', base .. ':waiting:' .. key, 0, 0)[1]
    local its = first and call('HGET', base .. ':tasks', first)
    if not first or its and not isKnown(its) then return end
    if its and call('HLEN', base .. ':running:' .. key) >= tonumber(field(its, 'n')) then return end
    call('ZREM', base .. ':waiting:' .. key, first)
    if its then
      toFront(first, laneOf(its), select(2, tries(call('HGET', base .. ':attempts', first))))
      if string.sub(laneOf(its), 1, 1) == 'l' then return end
    end
  end
end
local function vacate(number, record)
  local key = field(record, 'p')
  if not key then return end
  call('HDEL', base .. ':running:' .. key, number)
  summon(key)
end
local function unhold(number, record)
  local key = field(record, 'u')
  local holder = key and call('HGET', base .. ':unique', key)
  if not holder or string.match(holder, '^(%d+) %S+$') ~= number then return end
  local over = now + tonumber(field(record, 'w') or 0)
  if over == now then call('HDEL', base .. ':unique', key) return end
  call('HSET', base .. ':unique', key, holder .. ' ' .. int(over))
  expire(over, 'u' .. key)
end
local function finish(number, record, kind, answer)
  gone[#gone + 1] = number
  unhold(number, record)
  if kind then keep(number, record, kind, answer) end
  local id = field(record, 'i')
  if not id then return end
  known[#known + 1], known[#known + 2] = id, number .. ' ' .. int(now + 3600000)
  expire(now + math.max(3600000, tonumber(field(record, 'k') or 0)), 'i' .. id)
end
local function clear()
  if #gone > 0 then
    for _, suffix in ipairs({ ':tasks', ':attempts', ':errors', ':progress', ':cancelled' }) do many('HDEL', suffix, gone) end
  end
  if #ended > 0 then tell('!ends', table.concat(ended, ' ')) end
  many('HSET', ':results', kept)
  many('HSET', ':ids', known)
  many('ZADD', ':expiring', expires)
  gone, ended, kept, known, expires = {}, {}, {}, {}, {}
end
local who = ARGV[2]
if not open(KEYS[1], KEYS[2], who) then return { m.format } end
local key = base .. ':claimed:' .. who
local held = call('HGETALL', key)
for i = 1, #held, 2 do
  local number, record = held[i], call('HGET', base .. ':tasks', held[i])
  if record then vacate(number, record) end
  if record and string.byte(held[i + 1]) == 99 then finish(number, record, 'X', '')
  elseif record then
    if string.byte(held[i + 1]) == 114 then event('B', number, record) end
    toFront(number, laneOf(record), select(2, tries(call('HGET', base .. ':attempts', number))))
  end
end
call('DEL', key)
call('ZREM', base .. ':leases', who)
local wasIdle = call('ZREM', base .. ':idle', who) == 1
call('ZREM', base .. ':expiring', 's' .. who)
call('HDEL', base .. ':meta', '=' .. who)
clear()
-- Perhaps it had been woken, and leaves without having looked: then it is for another to look. A sender has no fences.
wakeAll(not wasIdle and not m.isOld and string.find(m.memo or '', '^%d+ %d+ %d+ %d+ ') and 1 or 0)
report()
return { '' }
`
})

/** Adds tasks in their order, all in one step. Returns {format} of newer data, {"refused"}, {"early"}, {"", life, first number} where all are new and have ids of their own, else {"", life, 0, E<id> D<id> or F, ...} Cost: O(entries) */
export const taskqueueEnqueue = Script.make({
  name: "TaskQueue/enqueue",
  adds: true,
  sha: "bf62c1268de7dfdd8e9cf115c22a742cb9066a2a",
  keys: ["queue", "meta"],
  args: ["now", "life", "sender", "sequence", "after", "max", "lane"],
  variadic: "entries",
  commands: [
    "TIME",
    "HMGET",
    "HGET",
    "HSET",
    "HDEL",
    "HLEN",
    "HEXISTS",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZCARD",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH"
  ],
  source: `#!lua
-- Adds tasks in their order, all in one step.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] life      a name for the queue's data, should it begin
-- ARGV[3] sender    who
-- ARGV[4] sequence  of this batch; the last one again is answered again, and the one it followed; a lower one is refused
-- ARGV[5] after     the batch that it follows, if that one must be there before; else 0
-- ARGV[6] max       tasks that may wait or sleep
-- ARGV[7] lane      of all of them, if they have nothing but a lane; else empty
-- ARGV[8...] entries the record without its head; where lane is empty: lane, that, due (a<ms>, i<ms in> or empty), id, unique key
-- RETURNS {format} of newer data, {"refused"}, {"early"}, {"", life, first number} where all are new and have ids of their own,
-- else {"", life, 0, E<id> D<id> or F, ...}
-- COST O(entries)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HLEN, HEXISTS, RPUSH, ZADD, ZREM, ZCARD, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, held, longer
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- What an entry may meet.
-- held(): how many tasks are claimed
-- knownId(id, fresh), knownKey(key, fresh): the id of the task that has it, or none; fresh: numbers of the same batch
local function held()
  local count = 0
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    count = count + call('HLEN', base .. ':claimed:' .. claimer)
  end
  return count
end
local function isThere(number, fresh) return fresh[number] or call('HEXISTS', base .. ':tasks', number) == 1 end
local function knownId(id, fresh)
  local number, till = string.match(call('HGET', base .. ':ids', id) or '', '^(%d+) ?(%d*)$')
  if number and (till == '' or tonumber(till) > now) then return id end
  number = string.match(id, '^(%d+)%.' .. m.life .. '$')
  return number and isThere(number, fresh) and id
end
local function knownKey(key, fresh)
  local number, id, till = string.match(call('HGET', base .. ':unique', key) or '', '^(%d+) (%S+) ?(%d*)$')
  if not number then return end
  if till == '' then return isThere(number, fresh) and id end
  return tonumber(till) > now and id
end
-- keepLonger(id, keep, fresh, records): the task of that id keeps its answer for so long at least; but who has claimed it to
-- keep none would not give one. fresh: of numbers of the same batch where in records theirs stand
local function keepLonger(id, keep, fresh, records)
  local number = string.match(call('HGET', base .. ':ids', id) or '', '^%d+') or string.match(id, '^%d+') or ''
  local record = fresh[number] and records[fresh[number]] or call('HGET', base .. ':tasks', number)
  if not record or not isKnown(record) then return end
  local its = tonumber(field(record, 'k') or 0)
  if its >= keep then return end
  for _, claimer in ipairs(its == 0 and call('ZRANGE', base .. ':leases', 0, -1) or {}) do
    if call('HEXISTS', base .. ':claimed:' .. claimer, number) == 1 then return end
  end
  local head, rest = string.match(record, '^([^\\n]*)(.*)$')
  record = string.gsub(head, ' k=%d+', '') .. ' k=' .. int(keep) .. rest
  if fresh[number] then records[fresh[number]] = record else call('HSET', base .. ':tasks', number, record) end
end
local sender, sequence, after, room, lane = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
if not open(KEYS[1], KEYS[2], sender) then return { m.format } end
if m.isOld then m.memo = nil end
local last, known = string.match(m.memo or '0 0 0', '^(%d+) %d+ ([^\\n]*)')
local stride, asked = lane == '' and 5 or 1, known
if sequence < tonumber(last) then asked = string.match(m.memo, '\\n' .. ARGV[4] .. ' (.*)$') end
if not asked then return { 'refused' } elseif sequence <= tonumber(last) then
  local again = { '', m.life }
  for word in string.gmatch(asked, '%S+') do again[#again + 1] = word end
  return again
end
if tonumber(last) < after then return { 'early' } end
local life, number, count = m.life or ARGV[2], m.next, (#ARGV - 7) / stride
m.life = life
room = room - call('HLEN', base .. ':tasks')
if room < count then room = room + call('ZCARD', base .. ':dead') + held() end
local head, records, tail, fresh, answers, isSmooth = '1 ' .. int(now), {}, {}, {}, {}, lane ~= '' and room >= count
if isSmooth then
  for i = 8, #ARGV do
    number = number + 1
    local text = int(number)
    tail[#tail + 1], records[#records + 1], records[#records + 2] = text, text, head .. ARGV[i]
  end
  many('RPUSH', ':ready:' .. lane, tail)
  grow(lane, #tail)
  for i = 1, m.isWatched and #tail or 0 do event('E', tail[i], '') end
end
for i = 8, isSmooth and 7 or #ARGV, stride do
  local at, rest, due, id, key = lane, ARGV[i], '', '', ''
  if stride == 5 then at, rest, due, id, key = unpack(ARGV, i, i + 4) end
  local there = id ~= '' and knownId(id, fresh) or key ~= '' and knownKey(key, fresh)
  if there then
    answers[#answers + 1] = 'D' .. there
    keepLonger(there, tonumber(field(rest, 'k') or 0), fresh, records)
  elseif room <= 0 then answers[#answers + 1] = 'F'
  else
    number, room = number + 1, room - 1
    local text = int(number)
    local its = id ~= '' and id or text .. '.' .. life
    answers[#answers + 1], records[#records + 1], records[#records + 2] = 'E' .. its, text, head .. rest
    fresh[text] = #records
    local ms = tonumber(string.sub(due, 2)) or 0
    local wakes = string.sub(due, 1, 1) == 'i' and now + ms or ms
    if wakes > now then sleep(text, at, wakes) else toEnd(text, at) end
    if id ~= '' then call('HSET', base .. ':ids', id, text) end
    if key ~= '' then call('HSET', base .. ':unique', key, text .. ' ' .. its) end
    event('E', text, rest)
  end
end
flush()
many('HSET', ':tasks', records)
wakeAll()
report()
local first = isSmooth and int(m.next + 1) or '0'
local memo = ARGV[4] .. ' ' .. int(now) .. ' ' .. first .. ' ' .. table.concat(answers, ' ')
if after > 0 then memo = memo .. '\\n' .. last .. ' ' .. known end
call('HSET', base .. ':meta', 'format', '1', 'life', life, 'next', int(number), '=' .. sender, memo)
if not m.memo then call('ZADD', base .. ':expiring', int(now + 3600000), 's' .. sender) end
return { '', life, first, unpack(answers) }
`
})

/** Has a definition of a schedule count, if it is of a later start than the one that does. Returns {format} of newer data, else {"", now, last slot, since} Cost: O(1) */
export const taskqueueEnrol = Script.make({
  name: "TaskQueue/enrol",
  adds: true,
  sha: "0841cb658492db89b0f241b64abad1bd8be37080",
  keys: ["queue", "meta"],
  args: ["now", "id", "fingerprint", "since", "last"],
  commands: ["TIME", "EXISTS", "DEL", "HMGET", "HGET", "HSET", "HDEL", "ZADD", "ZREM", "ZRANGEBYSCORE"],
  source: `#!lua
-- Has a definition of a schedule count, if it is of a later start than the one that does.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- ARGV[3] fingerprint <calendar>.<the rest>
-- ARGV[4] since     of this start, as it was answered; empty: it starts now
-- ARGV[5] last      slot that the peer knows of, or empty
-- RETURNS {format} of newer data, else {"", now, last slot, since}
-- COST O(1)
-- COMMANDS TIME, EXISTS, DEL, HMGET, HGET, HSET, HDEL, ZADD, ZREM, ZRANGEBYSCORE
-- PARTS ground, many, collect, timetable
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- collect(most): what is kept after an end, and what is remembered of a sender or a schedule, as far as its time is over.
-- An entry that lives again has no time; one that was kept longer stands there again under its later time.
local function collect(most)
  local over = call('ZRANGEBYSCORE', base .. ':expiring', '-inf', int(now), 'LIMIT', 0, most)
  if #over == 0 then return end
  many('ZREM', ':expiring', over)
  local results = {}
  for _, member in ipairs(over) do
    local kind, name = string.sub(member, 1, 1), string.sub(member, 2)
    if kind == 'r' then results[#results + 1] = name
    elseif kind == 'c' then call('HDEL', base .. ':schedules', name)
    elseif kind == 't' then call('DEL', base .. ':starts')
    elseif kind == 's' then
      local at = string.match(call('HGET', base .. ':meta', '=' .. name) or '', '^%d+ (%d+)')
      if at and at + 3600000 > now then call('ZADD', base .. ':expiring', int(at + 3600000), member)
      -- Whoever still holds something may still ask what its last step was answered.
      elseif call('EXISTS', base .. ':claimed:' .. name) == 1 then call('ZADD', base .. ':expiring', int(now + 3600000), member)
      else call('HDEL', base .. ':meta', '=' .. name) end
    else
      local key, pattern = base .. ':ids', '^%d+ (%d+)$'
      if kind == 'u' then key, pattern = base .. ':unique', '^%d+ %S+ (%d+)$' end
      local till = string.match(call('HGET', key, name) or '', pattern)
      if till and tonumber(till) <= now then call('HDEL', key, name) end
    end
  end
  many('HDEL', ':results', results)
end
-- What is known of a schedule: "<last slot> <since> <number of its last task> <fingerprint>".
-- sane(last): a last slot more than a day from now is of a clock that was wrong, and begins anew
-- note(id, last, since, number, fingerprint): writes it; scheduled(id): reads it, or nothing
-- touch(id): somebody runs it; it is forgotten two weeks after the last who did
local function sane(last) return last > now + 86400000 and now or last end
local function note(id, last, since, number, print)
  call('HSET', base .. ':schedules', id, table.concat({ int(last), int(since), number, print }, ' '))
end
local function touch(id) call('ZADD', base .. ':expiring', int(now + 1209600000), 'c' .. id) end
local function scheduled(id)
  local text = call('HGET', base .. ':schedules', id)
  if not text then return end
  local last, since, number, print = string.match(text, '^(%d+) (%d+) (%d+) (%S+)$')
  last, since = tonumber(last), tonumber(since)
  if sane(last) ~= last then
    last = now
    note(id, last, since, number, print)
  end
  return last, since, number, print
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local id, print = ARGV[2], ARGV[3]
local last, since, number, known = scheduled(id)
local mine, from = tonumber(ARGV[4]) or math.max(now, (since or 0) + 1), sane(tonumber(ARGV[5]) or now)
if not last then
  last = from
  note(id, last, mine, '0', print)
elseif mine > since then
  -- What a new calendar names of the past is not its own.
  if string.match(known, '^[^.]*') ~= string.match(print, '^[^.]*') then last = math.max(last, from) end
  note(id, last, mine, number, print)
end
touch(id)
collect(128)
return { '', int(now), int(last), int(mine) }
`
})

/** Enqueues the task of a schedule's slot, if the slot has come and is not used up. Returns {format} of newer data, else {"", outcome, now, last slot}; outcomes are F fired, S skipped, L no room, T taken, E early, R replaced, U unknown Cost: O(claimers) */
export const taskqueueFire = Script.make({
  name: "TaskQueue/fire",
  adds: true,
  sha: "ec1ad3ec65b3635a257024e7b8b2bbec6707ada9",
  keys: ["queue", "meta"],
  args: ["now", "life", "id", "fingerprint", "since", "slot", "skips", "max", "lane", "record", "key"],
  commands: [
    "TIME",
    "HMGET",
    "HGET",
    "HSET",
    "HDEL",
    "HLEN",
    "HEXISTS",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZCARD",
    "ZSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH"
  ],
  source: `#!lua
-- Enqueues the task of a schedule's slot, if the slot has come and is not used up.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] life      a name for the queue's data, should it begin
-- ARGV[3] id        of the schedule, percent-encoded
-- ARGV[4] fingerprint as in enrol
-- ARGV[5] since     as enrol has answered it
-- ARGV[6] slot      ms since 1970
-- ARGV[7] skips     1: not while its last task is unfinished
-- ARGV[8] max       tasks that may wait or sleep
-- ARGV[9] lane      of the task
-- ARGV[10] record   without its head
-- ARGV[11] key      its unique key, or empty
-- RETURNS {format} of newer data, else {"", outcome, now, last slot}; outcomes are F fired, S skipped, L no room, T taken,
-- E early, R replaced, U unknown
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HLEN, HEXISTS, RPUSH, ZADD, ZREM, ZCARD, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, held, timetable
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- What an entry may meet.
-- held(): how many tasks are claimed
-- knownId(id, fresh), knownKey(key, fresh): the id of the task that has it, or none; fresh: numbers of the same batch
local function held()
  local count = 0
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    count = count + call('HLEN', base .. ':claimed:' .. claimer)
  end
  return count
end
local function isThere(number, fresh) return fresh[number] or call('HEXISTS', base .. ':tasks', number) == 1 end
local function knownId(id, fresh)
  local number, till = string.match(call('HGET', base .. ':ids', id) or '', '^(%d+) ?(%d*)$')
  if number and (till == '' or tonumber(till) > now) then return id end
  number = string.match(id, '^(%d+)%.' .. m.life .. '$')
  return number and isThere(number, fresh) and id
end
local function knownKey(key, fresh)
  local number, id, till = string.match(call('HGET', base .. ':unique', key) or '', '^(%d+) (%S+) ?(%d*)$')
  if not number then return end
  if till == '' then return isThere(number, fresh) and id end
  return tonumber(till) > now and id
end
-- What is known of a schedule: "<last slot> <since> <number of its last task> <fingerprint>".
-- sane(last): a last slot more than a day from now is of a clock that was wrong, and begins anew
-- note(id, last, since, number, fingerprint): writes it; scheduled(id): reads it, or nothing
-- touch(id): somebody runs it; it is forgotten two weeks after the last who did
local function sane(last) return last > now + 86400000 and now or last end
local function note(id, last, since, number, print)
  call('HSET', base .. ':schedules', id, table.concat({ int(last), int(since), number, print }, ' '))
end
local function touch(id) call('ZADD', base .. ':expiring', int(now + 1209600000), 'c' .. id) end
local function scheduled(id)
  local text = call('HGET', base .. ':schedules', id)
  if not text then return end
  local last, since, number, print = string.match(text, '^(%d+) (%d+) (%d+) (%S+)$')
  last, since = tonumber(last), tonumber(since)
  if sane(last) ~= last then
    last = now
    note(id, last, since, number, print)
  end
  return last, since, number, print
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local id, slot, lane, key = ARGV[3], tonumber(ARGV[6]), ARGV[9], ARGV[11]
local last, since, number, print = scheduled(id)
local function answer(outcome) return { '', outcome, int(now), int(last or 0) } end
if not last then return answer('U') end
if print ~= ARGV[4] then return answer(tonumber(ARGV[5]) > since and 'U' or 'R') end
if slot <= last then return answer('T') end
if slot > now then return answer('E') end
last = slot
local function isUnfinished()
  return call('HEXISTS', base .. ':tasks', number) == 1 and not call('ZSCORE', base .. ':dead', pad(number))
end
local function isFull()
  local room = ARGV[8] - call('HLEN', base .. ':tasks')
  return room < 1 and room + call('ZCARD', base .. ':dead') + held() < 1
end
local outcome = 'F'
if ARGV[7] == '1' and isUnfinished() or key ~= '' and knownKey(key, {}) then outcome = 'S'
elseif isFull() then outcome = 'L'
else
  m.life = m.life or ARGV[2]
  number = int(m.next + 1)
  call('HSET', base .. ':meta', 'format', '1', 'life', m.life, 'next', number)
  call('HSET', base .. ':tasks', number, '1 ' .. int(now) .. ARGV[10])
  if key ~= '' then call('HSET', base .. ':unique', key, number .. ' ' .. number .. '.' .. m.life) end
  toEnd(number, lane)
  event('E', number, ARGV[10])
  flush()
  wakeAll()
  report()
end
note(id, last, since, number, print)
touch(id)
return answer(outcome)
`
})

/** Tells of one task. Returns {format} of newer data, {"", life} where there is no such task, else {"", life, {number, record, state, when or claimer, attempts and crashes or nil, reason, LF and error or nil, progress or nil}}; states are R ready, S sleeping, C claimed, X dead, E ended with an answer that is still kept Cost: O(claimers) */
export const taskqueueInspect = Script.make({
  name: "TaskQueue/inspect",
  adds: false,
  sha: "ea072ec8dfe117693b5b6e233a31e8400ad4a7fe",
  keys: ["queue", "meta"],
  args: ["now", "id"],
  commands: ["TIME", "HMGET", "HGET", "ZSCORE", "ZRANGE"],
  source: `#!lua flags=allow-oom
-- Tells of one task.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded
-- RETURNS {format} of newer data, {"", life} where there is no such task, else {"", life, {number, record, state, when or
-- claimer, attempts and crashes or nil, reason, LF and error or nil, progress or nil}}; states are R ready, S sleeping,
-- C claimed, X dead, E ended with an answer that is still kept
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HGET, ZSCORE, ZRANGE
-- PARTS ground, record, look
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- resolve(id): number and record of the task with that id; of one that has ended the number at most
-- stateOf(number, record): R ready; S sleeping, and until when; C claimed, and by whom; X dead, and since when
-- row(number, record, state, at): what is told of a task
local function resolve(id)
  local known = call('HGET', base .. ':ids', id)
  local number = known and string.match(known, '^%d+') or m.life and string.match(id, '^(%d+)%.' .. m.life .. '$')
  if number then return number, call('HGET', base .. ':tasks', number) end
end
local function stateOf(number, record)
  local died = call('ZSCORE', base .. ':dead', pad(number))
  if died then return 'X', died end
  local due = call('ZSCORE', base .. ':delayed', pad(number) .. ' ' .. laneOf(record))
  if due then return 'S', due end
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    local held = call('HGET', base .. ':claimed:' .. claimer, number)
    if held then return 'C', claimer, held end
  end
  return 'R'
end
local function row(number, record, state, at)
  return {
    number, record, state, at or '', call('HGET', base .. ':attempts', number), call('HGET', base .. ':errors', number),
    call('HGET', base .. ':progress', number)
  }
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local number, record = resolve(ARGV[2])
if not number then return { '', m.life or '' } end
if record then return { '', m.life, row(number, record, stateOf(number, record)) } end
local till, kind, began = string.match(call('HGET', base .. ':results', number) or '', '^(%d+) (%a) (%d+)\\n')
if not till or tonumber(till) <= now or kind ~= 'C' then return { '', m.life } end
local given = ARGV[2] ~= number .. '.' .. m.life and ' i=' .. ARGV[2] or ''
return { '', m.life, { number, '1 ' .. began .. given .. '\\n', 'E', '' } }
`
})

/** Tells of some tasks of a state. Returns {format} of newer data, else {"", life, the next cursor or "", row of inspect, ...} Cost: O(page * claimers) where ready, O(claims of a claimer) where claimed, else O(log n + page) */
export const taskqueuePage = Script.make({
  name: "TaskQueue/page",
  adds: false,
  sha: "872980fda687f033fb8b92eba023c8ad2f4acde6",
  keys: ["queue", "meta"],
  args: ["now", "state", "cursor"],
  commands: ["TIME", "HMGET", "HGET", "HGETALL", "HSCAN", "ZSCORE", "ZCOUNT", "ZMSCORE", "ZRANGE"],
  source: `#!lua flags=allow-oom
-- Tells of some tasks of a state.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] state     R ready, S sleeping, C claimed, X dead
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", life, the next cursor or "", row of inspect, ...}
-- COST O(page * claimers) where ready, O(claims of a claimer) where claimed, else O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HGETALL, HSCAN, ZSCORE, ZCOUNT, ZMSCORE, ZRANGE
-- PARTS ground, record, look, pages
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- resolve(id): number and record of the task with that id; of one that has ended the number at most
-- stateOf(number, record): R ready; S sleeping, and until when; C claimed, and by whom; X dead, and since when
-- row(number, record, state, at): what is told of a task
local function resolve(id)
  local known = call('HGET', base .. ':ids', id)
  local number = known and string.match(known, '^%d+') or m.life and string.match(id, '^(%d+)%.' .. m.life .. '$')
  if number then return number, call('HGET', base .. ':tasks', number) end
end
local function stateOf(number, record)
  local died = call('ZSCORE', base .. ':dead', pad(number))
  if died then return 'X', died end
  local due = call('ZSCORE', base .. ':delayed', pad(number) .. ' ' .. laneOf(record))
  if due then return 'S', due end
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    local held = call('HGET', base .. ':claimed:' .. claimer, number)
    if held then return 'C', claimer, held end
  end
  return 'R'
end
local function row(number, record, state, at)
  return {
    number, record, state, at or '', call('HGET', base .. ':attempts', number), call('HGET', base .. ':errors', number),
    call('HGET', base .. ':progress', number)
  }
end
-- Pages of tasks, at most about 128 of them.
-- ready(cursor): numbers and records of those that are ready, and the next cursor, empty at the end
-- after(key, cursor): members of a sorted set behind "<score> <number>[ <highest score>]", their scores, the next cursor
local function ready(cursor)
  local found = call('HSCAN', base .. ':tasks', cursor == '' and '0' or cursor, 'COUNT', 128)
  local numbers, records, sleeping, dead, out = {}, {}, {}, {}, {}
  for i = 1, #found[2], 2 do
    local number, record = found[2][i], found[2][i + 1]
    numbers[#numbers + 1], records[#records + 1] = number, record
    dead[#dead + 1], sleeping[#sleeping + 1] = pad(number), pad(number) .. ' ' .. laneOf(record)
  end
  local done = found[1] == '0' and '' or found[1]
  if #numbers == 0 then return {}, {}, done end
  local taken = { call('ZMSCORE', base .. ':dead', unpack(dead)), call('ZMSCORE', base .. ':delayed', unpack(sleeping)) }
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    taken[#taken + 1] = call('HMGET', base .. ':claimed:' .. claimer, unpack(numbers))
  end
  local kept = {}
  for i = 1, #numbers do
    local isReady = true
    for _, by in ipairs(taken) do isReady = isReady and not by[i] end
    if isReady then out[#out + 1], kept[#kept + 1] = numbers[i], records[i] end
  end
  return out, kept, done
end
local function after(key, cursor)
  local score, number, highest = string.match(cursor, '^(%d+) (%d+) ?(%d*)$')
  score, highest = tonumber(score), tonumber(highest or '') or math.huge
  local from, members, scores = score and call('ZCOUNT', key, '-inf', '(' .. int(score)) or 0, {}, {}
  while true do
    local page = call('ZRANGE', key, int(from), int(from + 127), 'WITHSCORES')
    for i = 1, #page, 2 do
      local its = tonumber(page[i + 1])
      if its > highest then return members, scores, '' end
      if not score or its > score or string.sub(page[i], 1, 16) > pad(number) then
        members[#members + 1], scores[#scores + 1] = page[i], page[i + 1]
        if #members == 128 then
          return members, scores, int(its) .. ' ' .. bare(page[i]) .. (highest < math.huge and ' ' .. int(highest) or '')
        end
      end
    end
    if #page < 256 then return members, scores, '' end
    from = from + 128
  end
end
local state, cursor = ARGV[2], ARGV[3]
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local reply = { '', m.life or '', '' }
local function add(number, at)
  local record = call('HGET', base .. ':tasks', number)
  if record then reply[#reply + 1] = row(number, record, state, at) end
end
if state == 'R' then
  local numbers, _, done = ready(cursor)
  reply[3] = done
  for _, number in ipairs(numbers) do add(number) end
elseif state == 'C' then
  local last, passed = string.match(cursor, '^(%S+) (%d+)$')
  local claimers = call('ZRANGE', base .. ':leases', 0, -1)
  table.sort(claimers)
  for _, claimer in ipairs(claimers) do
    local held, numbers = {}, {}
    if not last or claimer >= last then held = call('HGETALL', base .. ':claimed:' .. claimer) end
    for i = 1, #held, 2 do
      if claimer ~= last or tonumber(held[i]) > tonumber(passed) then numbers[#numbers + 1] = tonumber(held[i]) end
    end
    table.sort(numbers)
    for _, number in ipairs(numbers) do
      if #reply >= 131 then return reply end
      add(int(number), claimer)
      if #reply == 131 then reply[3] = claimer .. ' ' .. int(number) end
    end
  end
  reply[3] = ''
else
  local members, scores, done = after(base .. (state == 'S' and ':delayed' or ':dead'), cursor)
  reply[3] = done
  for i, member in ipairs(members) do add(bare(member), scores[i]) end
end
return reply
`
})

/** From now on nothing is claimed, or things are claimed again. Returns {format} of newer data, else {""} Cost: O(claimers) */
export const taskqueuePause = Script.make({
  name: "TaskQueue/pause",
  adds: false,
  sha: "e51eb604b675e0a7c3f1ad869cfda462e053e7d3",
  keys: ["queue", "meta"],
  args: ["now", "paused"],
  commands: ["TIME", "EXISTS", "DEL", "HMGET", "HSET", "HDEL", "ZRANGE", "SPUBLISH"],
  source: `#!lua flags=allow-oom
-- From now on nothing is claimed, or things are claimed again.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] paused    1: nothing is
-- RETURNS {format} of newer data, else {""}
-- COST O(claimers)
-- COMMANDS TIME, EXISTS, DEL, HMGET, HSET, HDEL, ZRANGE, SPUBLISH
-- PARTS ground
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key, word = ':leases', 'pause'
if ARGV[2] == '1' then call('HSET', base .. ':meta', 'paused', '1')
else
  call('HDEL', base .. ':meta', 'paused')
  key, word = ':idle', 'work'
end
for _, claimer in ipairs(call('ZRANGE', base .. key, 0, -1)) do
  local isTold = word == 'work' or call('EXISTS', base .. ':claimed:' .. claimer) == 1
  if isTold then call('SPUBLISH', base .. ':' .. claimer, word) end
end
if word == 'work' then call('DEL', base .. ':idle') end
return { '' }
`
})

/** What a run says of itself, as long as the task is its claimer's. Returns {format} of newer data, else {"", 1}, or {"", 0} where it is not its claimer's any more Cost: O(1) */
export const taskqueueProgress = Script.make({
  name: "TaskQueue/progress",
  adds: true,
  sha: "c5ce2268d245155ad088842c876613202a2721fd",
  keys: ["queue", "meta"],
  args: ["now", "claimer", "number", "fence", "value"],
  commands: ["TIME", "HMGET", "HGET", "HSET"],
  source: `#!lua
-- What a run says of itself, as long as the task is its claimer's.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] claimer   who
-- ARGV[3] number    the task's
-- ARGV[4] fence     of its claim
-- ARGV[5] value     a text
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where it is not its claimer's any more
-- COST O(1)
-- COMMANDS TIME, HMGET, HGET, HSET
-- PARTS ground
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local held = call('HGET', base .. ':claimed:' .. ARGV[2], ARGV[3])
if not held or string.sub(held, 2) ~= ARGV[4] then return { '', 0 } end
call('HSET', base .. ':progress', ARGV[3], ARGV[5])
return { '', 1 }
`
})

/** Removes tasks that wait, sleep or are dead, at most 128, of those that were there when it began. Returns {format} of newer data, else {"", how many, the next cursor or ""} Cost: O(page * claimers) where ready, else O(log n + page) */
export const taskqueuePurge = Script.make({
  name: "TaskQueue/purge",
  adds: false,
  sha: "4d5b5ca80c848a6f258e78e2bf939518bc4c990a",
  keys: ["queue", "meta"],
  args: ["now", "state", "cursor"],
  commands: [
    "TIME",
    "HMGET",
    "HGET",
    "HSET",
    "HDEL",
    "HSCAN",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZCOUNT",
    "ZMSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH",
    "HLEN"
  ],
  source: `#!lua flags=allow-oom
-- Removes tasks that wait, sleep or are dead, at most 128, of those that were there when it began.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] state     R ready, S sleeping, X dead
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", how many, the next cursor or ""}
-- COST O(page * claimers) where ready, else O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HSCAN, RPUSH, ZADD, ZREM, ZCOUNT, ZMSCORE, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH, HLEN
-- PARTS ground, many, record, lanes, events, end, pages, unqueue
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- How a task ends. What is to be written and to be cleared away is gathered, and clear() does it.
-- keep(number, record, kind, answer): kinds are C completed, F failed, X cancelled; toldTo(number, record): whoever awaits
-- summon(key): if a place is free whoever waits for it longest goes to the front of its lane; where that is for one peer
-- alone, which may be away, the next as well
-- vacate(number, record): it has a place no more
-- unhold(number, record): its unique key is free, or kept for its window
-- finish(number, record, kind, answer): all of that but its place; no kind, no answer
local gone, ended, kept, known, expires = {}, {}, {}, {}, {}
local function expire(over, member) expires[#expires + 1], expires[#expires + 2] = int(over), member end
local function toldTo(number, record)
  if now < m.awaited and field(record, 'k') then ended[#ended + 1] = idOf(number, record) end
end
local function keep(number, record, kind, answer)
  local over = now + tonumber(field(record, 'k') or 0)
  if over == now then return end
  local head = int(over) .. ' ' .. kind .. ' ' .. string.match(record, '^1 (%d+)') .. '\\n'
  kept[#kept + 1], kept[#kept + 2] = number, head .. answer
  expire(over, 'r' .. number)
  toldTo(number, record)
end
local function summon(key)
  while true do
    local first = call('ZRANGE', base .. ':waiting:' .. key, 0, 0)[1]
    local its = first and call('HGET', base .. ':tasks', first)
    if not first or its and not isKnown(its) then return end
    if its and call('HLEN', base .. ':running:' .. key) >= tonumber(field(its, 'n')) then return end
    call('ZREM', base .. ':waiting:' .. key, first)
    if its then
      toFront(first, laneOf(its), select(2, tries(call('HGET', base .. ':attempts', first))))
      if string.sub(laneOf(its), 1, 1) == 'l' then return end
    end
  end
end
local function vacate(number, record)
  local key = field(record, 'p')
  if not key then return end
  call('HDEL', base .. ':running:' .. key, number)
  summon(key)
end
local function unhold(number, record)
  local key = field(record, 'u')
  local holder = key and call('HGET', base .. ':unique', key)
  if not holder or string.match(holder, '^(%d+) %S+$') ~= number then return end
  local over = now + tonumber(field(record, 'w') or 0)
  if over == now then call('HDEL', base .. ':unique', key) return end
  call('HSET', base .. ':unique', key, holder .. ' ' .. int(over))
  expire(over, 'u' .. key)
end
local function finish(number, record, kind, answer)
  gone[#gone + 1] = number
  unhold(number, record)
  if kind then keep(number, record, kind, answer) end
  local id = field(record, 'i')
  if not id then return end
  known[#known + 1], known[#known + 2] = id, number .. ' ' .. int(now + 3600000)
  expire(now + math.max(3600000, tonumber(field(record, 'k') or 0)), 'i' .. id)
end
local function clear()
  if #gone > 0 then
    for _, suffix in ipairs({ ':tasks', ':attempts', ':errors', ':progress', ':cancelled' }) do many('HDEL', suffix, gone) end
  end
  if #ended > 0 then tell('!ends', table.concat(ended, ' ')) end
  many('HSET', ':results', kept)
  many('HSET', ':ids', known)
  many('ZADD', ':expiring', expires)
  gone, ended, kept, known, expires = {}, {}, {}, {}, {}
end
-- Pages of tasks, at most about 128 of them.
-- ready(cursor): numbers and records of those that are ready, and the next cursor, empty at the end
-- after(key, cursor): members of a sorted set behind "<score> <number>[ <highest score>]", their scores, the next cursor
local function ready(cursor)
  local found = call('HSCAN', base .. ':tasks', cursor == '' and '0' or cursor, 'COUNT', 128)
  local numbers, records, sleeping, dead, out = {}, {}, {}, {}, {}
  for i = 1, #found[2], 2 do
    local number, record = found[2][i], found[2][i + 1]
    numbers[#numbers + 1], records[#records + 1] = number, record
    dead[#dead + 1], sleeping[#sleeping + 1] = pad(number), pad(number) .. ' ' .. laneOf(record)
  end
  local done = found[1] == '0' and '' or found[1]
  if #numbers == 0 then return {}, {}, done end
  local taken = { call('ZMSCORE', base .. ':dead', unpack(dead)), call('ZMSCORE', base .. ':delayed', unpack(sleeping)) }
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    taken[#taken + 1] = call('HMGET', base .. ':claimed:' .. claimer, unpack(numbers))
  end
  local kept = {}
  for i = 1, #numbers do
    local isReady = true
    for _, by in ipairs(taken) do isReady = isReady and not by[i] end
    if isReady then out[#out + 1], kept[#kept + 1] = numbers[i], records[i] end
  end
  return out, kept, done
end
local function after(key, cursor)
  local score, number, highest = string.match(cursor, '^(%d+) (%d+) ?(%d*)$')
  score, highest = tonumber(score), tonumber(highest or '') or math.huge
  local from, members, scores = score and call('ZCOUNT', key, '-inf', '(' .. int(score)) or 0, {}, {}
  while true do
    local page = call('ZRANGE', key, int(from), int(from + 127), 'WITHSCORES')
    for i = 1, #page, 2 do
      local its = tonumber(page[i + 1])
      if its > highest then return members, scores, '' end
      if not score or its > score or string.sub(page[i], 1, 16) > pad(number) then
        members[#members + 1], scores[#scores + 1] = page[i], page[i + 1]
        if #members == 128 then
          return members, scores, int(its) .. ' ' .. bare(page[i]) .. (highest < math.huge and ' ' .. int(highest) or '')
        end
      end
    end
    if #page < 256 then return members, scores, '' end
    from = from + 128
  end
end
-- unqueue(number, record): it waits nowhere any more, but for a number in a list that then stands for nothing
local function unqueue(number, record)
  local lane, place = laneOf(record), field(record, 'p')
  if call('ZREM', base .. ':delayed', pad(number) .. ' ' .. lane) == 1 then return end
  call('ZREM', base .. ':front:' .. lane, number)
  call('ZREM', base .. ':suspect:' .. lane, number)
  -- Perhaps it was the one that a free place had been for: nobody else would call the next.
  if place and call('ZREM', base .. ':waiting:' .. place, number) == 0 then summon(place) end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local state, most, from = ARGV[2], string.match(ARGV[3], '^(%d+) (.*)$')
local members, done, count, _ = {}, '', 0, nil
-- Of what was there when it began: by its number, and by when it is due, or has died.
most = tonumber(most) or m.next
if state == 'R' then
  from = from or '0'
  members, _, done = ready(from)
else
  local key = base .. (state == 'S' and ':delayed' or ':dead')
  from = from or '0 0 ' .. (call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or '0')
  local scores
  members, scores, done = after(key, from)
  -- All that is behind it in the same ms is as new.
  if done ~= '' and tonumber(bare(members[#members])) > most then
    done = int(scores[#scores] + 1) .. ' 0' .. string.match(done, ' %d+$')
  end
end
for i = 1, #members do
  local number = bare(members[i])
  local record = tonumber(number) <= most and call('HGET', base .. ':tasks', number)
  if record and isKnown(record) then
    -- A page may be longer than asked for: the rest of it comes with the same cursor.
    if count == 128 then
      done = from
      break
    end
    if state == 'X' then call('ZREM', base .. ':dead', pad(number)) else unqueue(number, record) end
    if state ~= 'X' then event('X', number, record) end
    finish(number, record, state ~= 'X' and 'X' or nil, '')
    count = count + 1
  end
end
clear()
wakeAll()
report()
return { '', count, done == '' and '' or int(most) .. ' ' .. done }
`
})

/** Sends dead letters back to the end of their lanes, but not one whose unique key somebody else has. Returns {format} of newer data, else {"", how many, the next cursor or ""} Cost: O(log n + page) */
export const taskqueueRedrive = Script.make({
  name: "TaskQueue/redrive",
  adds: false,
  sha: "9c2cb29c1c40a9ca2ca9ee13006d9110ca517f20",
  keys: ["queue", "meta"],
  args: ["now", "id", "cursor"],
  commands: [
    "TIME",
    "HMGET",
    "HGET",
    "HSET",
    "HDEL",
    "HEXISTS",
    "RPUSH",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZCOUNT",
    "ZMSCORE",
    "HSCAN",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Sends dead letters back to the end of their lanes, but not one whose unique key somebody else has.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] id        percent-encoded, that one; empty: a page of all that are dead by now
-- ARGV[3] cursor    empty at first
-- RETURNS {format} of newer data, else {"", how many, the next cursor or ""}
-- COST O(log n + page)
-- COMMANDS TIME, HMGET, HGET, HSET, HDEL, HEXISTS, RPUSH, ZADD, ZREM, ZSCORE, ZCOUNT, ZMSCORE, HSCAN, ZRANGE, ZRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, look, pages
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- resolve(id): number and record of the task with that id; of one that has ended the number at most
-- stateOf(number, record): R ready; S sleeping, and until when; C claimed, and by whom; X dead, and since when
-- row(number, record, state, at): what is told of a task
local function resolve(id)
  local known = call('HGET', base .. ':ids', id)
  local number = known and string.match(known, '^%d+') or m.life and string.match(id, '^(%d+)%.' .. m.life .. '$')
  if number then return number, call('HGET', base .. ':tasks', number) end
end
local function stateOf(number, record)
  local died = call('ZSCORE', base .. ':dead', pad(number))
  if died then return 'X', died end
  local due = call('ZSCORE', base .. ':delayed', pad(number) .. ' ' .. laneOf(record))
  if due then return 'S', due end
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    local held = call('HGET', base .. ':claimed:' .. claimer, number)
    if held then return 'C', claimer, held end
  end
  return 'R'
end
local function row(number, record, state, at)
  return {
    number, record, state, at or '', call('HGET', base .. ':attempts', number), call('HGET', base .. ':errors', number),
    call('HGET', base .. ':progress', number)
  }
end
-- Pages of tasks, at most about 128 of them.
-- ready(cursor): numbers and records of those that are ready, and the next cursor, empty at the end
-- after(key, cursor): members of a sorted set behind "<score> <number>[ <highest score>]", their scores, the next cursor
local function ready(cursor)
  local found = call('HSCAN', base .. ':tasks', cursor == '' and '0' or cursor, 'COUNT', 128)
  local numbers, records, sleeping, dead, out = {}, {}, {}, {}, {}
  for i = 1, #found[2], 2 do
    local number, record = found[2][i], found[2][i + 1]
    numbers[#numbers + 1], records[#records + 1] = number, record
    dead[#dead + 1], sleeping[#sleeping + 1] = pad(number), pad(number) .. ' ' .. laneOf(record)
  end
  local done = found[1] == '0' and '' or found[1]
  if #numbers == 0 then return {}, {}, done end
  local taken = { call('ZMSCORE', base .. ':dead', unpack(dead)), call('ZMSCORE', base .. ':delayed', unpack(sleeping)) }
  for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
    taken[#taken + 1] = call('HMGET', base .. ':claimed:' .. claimer, unpack(numbers))
  end
  local kept = {}
  for i = 1, #numbers do
    local isReady = true
    for _, by in ipairs(taken) do isReady = isReady and not by[i] end
    if isReady then out[#out + 1], kept[#kept + 1] = numbers[i], records[i] end
  end
  return out, kept, done
end
local function after(key, cursor)
  local score, number, highest = string.match(cursor, '^(%d+) (%d+) ?(%d*)$')
  score, highest = tonumber(score), tonumber(highest or '') or math.huge
  local from, members, scores = score and call('ZCOUNT', key, '-inf', '(' .. int(score)) or 0, {}, {}
  while true do
    local page = call('ZRANGE', key, int(from), int(from + 127), 'WITHSCORES')
    for i = 1, #page, 2 do
      local its = tonumber(page[i + 1])
      if its > highest then return members, scores, '' end
      if not score or its > score or string.sub(page[i], 1, 16) > pad(number) then
        members[#members + 1], scores[#scores + 1] = page[i], page[i + 1]
        if #members == 128 then
          return members, scores, int(its) .. ' ' .. bare(page[i]) .. (highest < math.huge and ' ' .. int(highest) or '')
        end
      end
    end
    if #page < 256 then return members, scores, '' end
    from = from + 128
  end
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local count = 0
local function isTaken(number, key)
  local holder, till = string.match(call('HGET', base .. ':unique', key) or '', '^(%d+) %S+ ?(%d*)$')
  if not holder or holder == number then return false end
  if till ~= '' then return tonumber(till) > now end
  return call('HEXISTS', base .. ':tasks', holder) == 1
end
local function revive(number)
  local record = call('HGET', base .. ':tasks', number)
  if not record or not isKnown(record) then return end
  local key = field(record, 'u')
  if key and isTaken(number, key) then return end
  if key then call('HSET', base .. ':unique', key, number .. ' ' .. idOf(number, record)) end
  call('ZREM', base .. ':dead', pad(number))
  call('ZREM', base .. ':expiring', 'r' .. number)
  for _, suffix in ipairs({ ':attempts', ':errors', ':progress', ':results' }) do call('HDEL', base .. suffix, number) end
  toEnd(number, laneOf(record))
  event('E', number, record)
  count = count + 1
end
local members, _, cursor = {}, {}, ''
if ARGV[2] ~= '' then
  local number = resolve(ARGV[2])
  if number and call('ZSCORE', base .. ':dead', pad(number)) then members[1] = pad(number) end
else
  -- What dies again while others are redriven is not among them.
  members, _, cursor = after(base .. ':dead', ARGV[3] == '' and '0 0 ' .. int(now) or ARGV[3])
end
for _, member in ipairs(members) do revive(bare(member)) end
flush()
wakeAll()
report()
return { '', count, cursor }
`
})

/** Settles, marks what has begun, wakes what is due, claims, and renews the lease: one turn of a claimer. Returns {format} of newer data, {"refused"}, else {"", life, plain, others, paused, due in ms or -1, more, idle, ahead, first fence or {fence, ...}, {number, ...}, {record, ...}, {attempts and crashes or nil, ...}} Cost: O(settlements + claims) */
export const taskqueueStep = Script.make({
  name: "TaskQueue/step",
  adds: false,
  sha: "ef2f396a54400c417cc35ffb2f5bd77f49a0eb55",
  keys: ["queue", "meta"],
  args: [
    "now",
    "claimer",
    "sequence",
    "lease",
    "free",
    "ahead",
    "suspect",
    "limit",
    "window",
    "capacity",
    "ttl",
    "lanes",
    "plain",
    "begun",
    "others",
    "most"
  ],
  variadic: "rest",
  commands: [
    "TIME",
    "EXISTS",
    "DEL",
    "HMGET",
    "HGET",
    "HGETALL",
    "HSET",
    "HDEL",
    "HLEN",
    "HEXISTS",
    "LPOP",
    "LPUSH",
    "RPUSH",
    "LLEN",
    "ZADD",
    "ZREM",
    "ZSCORE",
    "ZCARD",
    "ZCOUNT",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZREMRANGEBYSCORE",
    "ZPOPMIN",
    "SPUBLISH"
  ],
  source: `#!lua flags=allow-oom
-- Settles, marks what has begun, wakes what is due, claims, and renews the lease: one turn of a claimer.
-- KEYS[1] queue     what all keys of the queue begin with; each is said in Keys.ts
-- KEYS[2] meta      of the queue: while a slot moves a server refuses whoever names two of its keys and does not find both
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] claimer   who
-- ARGV[3] sequence  of this step; the last one again is answered again, a lower one is refused
-- ARGV[4] lease     ms
-- ARGV[5] free      runs that may begin at once
-- ARGV[6] ahead     how many more to claim
-- ARGV[7] suspect   1: one suspect may be among them
-- ARGV[8] limit     starts in any span of window; 0: any number
-- ARGV[9] window    ms
-- ARGV[10] capacity dead letters kept
-- ARGV[11] ttl      ms that a dead letter is kept
-- ARGV[12] lanes    how many
-- ARGV[13] plain    settlements of plain tasks that are done
-- ARGV[14] begun    how many
-- ARGV[15] others   other settlements
-- ARGV[16] most     runs of a task: who has had as many is claimed and does not begin
-- ARGV[17...] rest  lanes; numbers, then fences of plain; numbers begun; of others number, fence, kind, detail, error, answer
-- RETURNS {format} of newer data, {"refused"}, else {"", life, plain, others, paused, due in ms or -1, more, idle, ahead,
-- first fence or {fence, ...}, {number, ...}, {record, ...}, {attempts and crashes or nil, ...}}
-- COST O(settlements + claims)
-- COMMANDS TIME, EXISTS, DEL, HMGET, HGET, HGETALL, HSET, HDEL, HLEN, HEXISTS, LPOP, LPUSH, RPUSH, LLEN, ZADD, ZREM, ZSCORE, ZCARD, ZCOUNT, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYSCORE, ZPOPMIN, SPUBLISH
-- PARTS ground, many, record, lanes, events, end, dead, collect, begin, settle, place, claim, turn, again
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
-- many(command, suffix, values): one command for all values, in bits that Lua can pass on.
-- A hash of up to 512 short values is kept as a list, which is searched from its start for every field: what comes and goes
-- by the batch would pay the square of that. A value too long for such a list, if only for this moment, makes it a table.
local function many(command, suffix, values)
  local isBatch = command == 'HSET' and #values >= 64
  if isBatch then values[#values + 1], values[#values + 2] = '!', string.rep(' ', 65) end
  for i = 1, #values, 1000 do
    call(command, base .. suffix, unpack(values, i, math.min(i + 999, #values)))
  end
  if isBatch then call('HDEL', base .. suffix, '!') end
end
-- A record: "1 <enqueued at>[ <letter>=<value>]...", LF, payload. Values are percent-encoded, what is usual is left out:
-- l lane, i given id, u unique key and w its window, p place and n its limit, k how long the answer is kept, t trace.
-- isKnown(record): its format is ours
-- field(record, letter), laneOf(record), idOf(number, record)
-- pad(number), bare(member): how sorted sets of numbers by time write them, so that equal times keep their order
-- tries(text): attempts and crashes, as \`:attempts\` writes them
local function isKnown(record) return string.sub(record, 1, 2) == '1 ' end
local function field(record, letter) return string.match(record, '^[^\\n]* ' .. letter .. '=([^ \\n]*)') end
local function laneOf(record) return field(record, 'l') or 'l' end
local function idOf(number, record) return field(record, 'i') or number .. '.' .. m.life end
local function pad(number) return string.format('%016.0f', number) end
local function bare(member) return int(tonumber(string.sub(member, 1, 16))) end
local function tries(text)
  local attempts, crashes = string.match(text or '', '^(%d+) (%d+)$')
  return tonumber(attempts or 0), tonumber(crashes or 0)
end
-- Where tasks wait, and who is told.
-- toEnd(number, lane), toFront(number, lane, crashes), sleep(number, lane, at); flush() writes what toEnd has gathered
-- woken: lane -> how many became ready; sooner: something is the next to be due
-- promote(): those that are due go to the end of their lanes, at most 256; gives when the next one is due
-- tell(channel, word), wake(count): those that are idle longest, that many
-- wakeAll(least): for all that woken says, or at least that many, and one so that it learns when something is due; while
-- the queue is paused nobody, for whoever is idle then is woken when it goes on
local tails, woken, sooner = {}, {}, false
local function tell(channel, word) call('SPUBLISH', base .. ':' .. channel, word) end
local function grow(lane, count)
  if not woken[lane] and string.sub(lane, 1, 1) == 'p' then
    call('ZADD', base .. ':names', 'NX', int(now), string.sub(lane, 2))
  end
  woken[lane] = (woken[lane] or 0) + count
end
local function toEnd(number, lane)
  local tail = tails[lane] or {}
  tails[lane], tail[#tail + 1] = tail, number
end
local function toFront(number, lane, crashes)
  call('ZADD', base .. (crashes >= 2 and ':suspect:' or ':front:') .. lane, number, number)
  grow(lane, 1)
end
local function flush()
  for lane, tail in pairs(tails) do
    many('RPUSH', ':ready:' .. lane, tail)
    grow(lane, #tail)
  end
  tails = {}
end
local function sleep(number, lane, at)
  local first = call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')
  if not first[2] or at < tonumber(first[2]) then sooner = true end
  call('ZADD', base .. ':delayed', int(at), pad(number) .. ' ' .. lane)
end
local function promote()
  local over = call('ZRANGEBYSCORE', base .. ':delayed', '-inf', int(now), 'LIMIT', 0, 256)
  if #over > 0 then many('ZREM', ':delayed', over) end
  for _, member in ipairs(over) do toEnd(bare(member), string.sub(member, 18)) end
  flush()
  return tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])
end
local function wake(count)
  local idle = call('ZPOPMIN', base .. ':idle', count)
  for i = 1, #idle, 2 do tell(idle[i], 'work') end
end
local function wakeAll(least)
  if m.isPaused then return end
  local count = 0
  for lane, some in pairs(woken) do
    if string.sub(lane, 1, 1) == 'p' then tell('@' .. string.sub(lane, 2), 'work') else count = count + some end
  end
  count = math.max(count, least or 0, sooner and 1 or 0)
  if count > 0 then wake(count) end
end
-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \\n]', { ['%'] = '%25', [' '] = '%20', ['\\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\\n' .. table.concat(happened, '\\n'))
  happened = {}
end
-- How a task ends. What is to be written and to be cleared away is gathered, and clear() does it.
-- keep(number, record, kind, answer): kinds are C completed, F failed, X cancelled; toldTo(number, record): whoever awaits
-- summon(key): if a place is free whoever waits for it longest goes to the front of its lane; where that is for one peer
-- alone, which may be away, the next as well
-- vacate(number, record): it has a place no more
-- unhold(number, record): its unique key is free, or kept for its window
-- finish(number, record, kind, answer): all of that but its place; no kind, no answer
local gone, ended, kept, known, expires = {}, {}, {}, {}, {}
local function expire(over, member) expires[#expires + 1], expires[#expires + 2] = int(over), member end
local function toldTo(number, record)
  if now < m.awaited and field(record, 'k') then ended[#ended + 1] = idOf(number, record) end
end
local function keep(number, record, kind, answer)
  local over = now + tonumber(field(record, 'k') or 0)
  if over == now then return end
  local head = int(over) .. ' ' .. kind .. ' ' .. string.match(record, '^1 (%d+)') .. '\\n'
  kept[#kept + 1], kept[#kept + 2] = number, head .. answer
  expire(over, 'r' .. number)
  toldTo(number, record)
end
local function summon(key)
  while true do
    local first = call('ZRANGE', base .. ':waiting:' .. key, 0, 0)[1]
    local its = first and call('HGET', base .. ':tasks', first)
    if not first or its and not isKnown(its) then return end
    if its and call('HLEN', base .. ':running:' .. key) >= tonumber(field(its, 'n')) then return end
    call('ZREM', base .. ':waiting:' .. key, first)
    if its then
      toFront(first, laneOf(its), select(2, tries(call('HGET', base .. ':attempts', first))))
      if string.sub(laneOf(its), 1, 1) == 'l' then return end
    end
  end
end
local function vacate(number, record)
  local key = field(record, 'p')
  if not key then return end
  call('HDEL', base .. ':running:' .. key, number)
  summon(key)
end
local function unhold(number, record)
  local key = field(record, 'u')
  local holder = key and call('HGET', base .. ':unique', key)
  if not holder or string.match(holder, '^(%d+) %S+$') ~= number then return end
  local over = now + tonumber(field(record, 'w') or 0)
  if over == now then call('HDEL', base .. ':unique', key) return end
  call('HSET', base .. ':unique', key, holder .. ' ' .. int(over))
  expire(over, 'u' .. key)
end
local function finish(number, record, kind, answer)
  gone[#gone + 1] = number
  unhold(number, record)
  if kind then keep(number, record, kind, answer) end
  local id = field(record, 'i')
  if not id then return end
  known[#known + 1], known[#known + 2] = id, number .. ' ' .. int(now + 3600000)
  expire(now + math.max(3600000, tonumber(field(record, 'k') or 0)), 'i' .. id)
end
local function clear()
  if #gone > 0 then
    for _, suffix in ipairs({ ':tasks', ':attempts', ':errors', ':progress', ':cancelled' }) do many('HDEL', suffix, gone) end
  end
  if #ended > 0 then tell('!ends', table.concat(ended, ' ')) end
  many('HSET', ':results', kept)
  many('HSET', ':ids', known)
  many('ZADD', ':expiring', expires)
  gone, ended, kept, known, expires = {}, {}, {}, {}, {}
end
-- Dead letters.
-- kill(number, record, reason, error, attempts, crashes): it dies now
-- trim(capacity, timeToLive): ends those that are too old or too many, at most 128
local function kill(number, record, reason, error, attempts, crashes)
  call('HSET', base .. ':attempts', number, int(attempts) .. ' ' .. int(crashes))
  call('HSET', base .. ':errors', number, reason .. '\\n' .. error)
  call('ZADD', base .. ':dead', int(now), pad(number))
  unhold(number, record)
  event('D', number, record, reason)
end
local function trim(capacity, timeToLive)
  local dead = base .. ':dead'
  local old = call('ZCOUNT', dead, '-inf', int(now - timeToLive))
  local count = math.min(128, math.max(old, call('ZCARD', dead) - capacity))
  if count <= 0 then return end
  for _, member in ipairs(call('ZRANGE', dead, 0, int(count - 1))) do
    local number = bare(member)
    local record = call('HGET', base .. ':tasks', number)
    if not record or isKnown(record) then
      call('ZREM', dead, member)
      if record then finish(number, record) end
    end
  end
end
-- collect(most): what is kept after an end, and what is remembered of a sender or a schedule, as far as its time is over.
-- An entry that lives again has no time; one that was kept longer stands there again under its later time.
local function collect(most)
  local over = call('ZRANGEBYSCORE', base .. ':expiring', '-inf', int(now), 'LIMIT', 0, most)
  if #over == 0 then return end
  many('ZREM', ':expiring', over)
  local results = {}
  for _, member in ipairs(over) do
    local kind, name = string.sub(member, 1, 1), string.sub(member, 2)
    if kind == 'r' then results[#results + 1] = name
    elseif kind == 'c' then call('HDEL', base .. ':schedules', name)
    elseif kind == 't' then call('DEL', base .. ':starts')
    elseif kind == 's' then
      local at = string.match(call('HGET', base .. ':meta', '=' .. name) or '', '^%d+ (%d+)')
      if at and at + 3600000 > now then call('ZADD', base .. ':expiring', int(at + 3600000), member)
      -- Whoever still holds something may still ask what its last step was answered.
      elseif call('EXISTS', base .. ':claimed:' .. name) == 1 then call('ZADD', base .. ':expiring', int(now + 3600000), member)
      else call('HDEL', base .. ':meta', '=' .. name) end
    else
      local key, pattern = base .. ':ids', '^%d+ (%d+)$'
      if kind == 'u' then key, pattern = base .. ':unique', '^%d+ %S+ (%d+)$' end
      local till = string.match(call('HGET', key, name) or '', pattern)
      if till and tonumber(till) <= now then call('HDEL', key, name) end
    end
  end
  many('HDEL', ':results', results)
end
-- Runs that begin.
-- claimed: what the claimer's claims stand under
-- started(number, record, tried): tells of it; a settlement may be the first to say so of what was claimed ahead
-- begin(from, count): ARGV holds numbers of what was claimed ahead and runs now
local claimed = ':claimed:' .. ARGV[2]
local function started(number, record, tried) event('S', number, record, ARGV[2], int(tries(tried) + 1)) end
local function begin(from, count)
  if count == 0 then return end
  local held = call('HMGET', base .. claimed, unpack(ARGV, from, from + count - 1))
  local runs = {}
  for i = 1, count do
    if held[i] and string.byte(held[i]) == 97 then
      runs[#runs + 1], runs[#runs + 2] = ARGV[from + i - 1], 'r' .. string.sub(held[i], 2)
    end
  end
  if #runs > 0 then many('HSET', claimed, runs) end
  for i = 1, m.isWatched and #runs or 0, 2 do
    local number = runs[i]
    started(number, call('HGET', base .. ':tasks', number) or '', call('HGET', base .. ':attempts', number))
  end
end
-- What became of claims: a letter each, S settled, C cancelled, L lost; no letter at all where all are settled.
-- plainly(from, count): ARGV holds numbers, then fences, of plain tasks that are done
-- settle(from, count): ARGV holds number, fence, kind (D done, R retry, X dead, Y dead with an answer, Z dead and not run
-- again, B handed back), detail (delay in ms, reason), error, answer
local freed, kills = {}, 0
local function plainly(from, count)
  if count == 0 then return '' end
  local held = call('HMGET', base .. claimed, unpack(ARGV, from, from + count - 1))
  local letters, done, isWatched = {}, {}, m.isWatched
  for i = 1, count do
    local value, number = held[i], ARGV[from + i - 1]
    if value and string.sub(value, 2) == ARGV[from + count + i - 1] then
      letters[i], done[#done + 1] = 'S', number
      if string.byte(value) == 99 then letters[i], gone[#gone + 1] = 'C', number
      elseif isWatched then
        if string.byte(value) == 97 then started(number, '') end
        event('C', number, '', ARGV[2])
      end
    else letters[i] = 'L' end
  end
  if #done > 0 then
    many('HDEL', claimed, done)
    many('HDEL', ':tasks', done)
  end
  return #done == count and #gone == 0 and '' or table.concat(letters)
end
local function one(i, held, record, tried)
  local number, kind, detail, error = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if not held or not record or string.sub(held, 2) ~= ARGV[i + 1] then return 'L' end
  freed[#freed + 1] = number
  vacate(number, record)
  if string.byte(held) == 99 then finish(number, record, 'X', '') return 'C' end
  local attempts, crashes = tries(tried)
  if string.byte(held) == 97 and kind ~= 'B' and kind ~= 'Z' then started(number, record, tried) end
  if kind == 'D' then event('C', number, record, ARGV[2]) finish(number, record, 'C', ARGV[i + 5]) return 'S' end
  if m.isWatched and kind ~= 'B' and kind ~= 'Z' then event('F', number, record, int(attempts + 1), word(error)) end
  if kind == 'X' or kind == 'Y' or kind == 'Z' then
    kills = kills + 1
    kill(number, record, detail, error, kind == 'Z' and attempts or attempts + 1, crashes)
    if kind == 'Y' then keep(number, record, 'F', ARGV[i + 5]) else toldTo(number, record) end
    return 'S'
  end
  if kind == 'B' and string.byte(held) == 114 then event('B', number, record) end
  if kind == 'B' then toFront(number, laneOf(record), crashes) return 'S' end
  call('HSET', base .. ':attempts', number, int(attempts + 1) .. ' ' .. int(crashes))
  call('HSET', base .. ':errors', number, '\\n' .. error)
  event('R', number, record, int(now + detail))
  if tonumber(detail) > 0 then sleep(number, laneOf(record), now + detail) else toEnd(number, laneOf(record)) end
  return 'S'
end
local function settle(from, count)
  local numbers, letters = {}, {}
  for i = 1, count do numbers[i] = ARGV[from + (i - 1) * 6] end
  if count == 0 then return '' end
  local held = call('HMGET', base .. claimed, unpack(numbers))
  local records = call('HMGET', base .. ':tasks', unpack(numbers))
  local tried = call('HMGET', base .. ':attempts', unpack(numbers))
  for i = 1, count do letters[i] = one(from + (i - 1) * 6, held[i], records[i], tried[i]) end
  many('HDEL', claimed, freed)
  return table.concat(letters)
end
-- Places of a key, of which a task takes one while it is claimed (\`:running:<key>\`, number -> claimer) or waits.
-- enter(number, record, key): false: none is free, and now it waits
local entered, healed = {}, {}
local function isThere(number, claimer) return call('HEXISTS', base .. ':claimed:' .. claimer, number) == 1 end
-- Whoever holds a place and is in nobody's hands has been forgotten by the data.
local function heal(key)
  local held = call('HGETALL', base .. ':running:' .. key)
  for i = 1, #held, 2 do
    local number = held[i]
    local lives = entered[number] or isThere(number, held[i + 1])
    for _, claimer in ipairs(lives and {} or call('ZRANGE', base .. ':leases', 0, -1)) do
      lives = lives or isThere(number, claimer)
    end
    if not lives then call('HDEL', base .. ':running:' .. key, number) end
  end
  healed[key] = true
end
local function enter(number, record, key)
  local running, limit = base .. ':running:' .. key, tonumber(field(record, 'n'))
  local isFull = call('HLEN', running) >= limit
  if isFull and not healed[key] then
    heal(key)
    isFull = call('HLEN', running) >= limit
  end
  if isFull then
    call('ZADD', base .. ':waiting:' .. key, number, number)
    return false
  end
  entered[number] = true
  call('HSET', running, number, ARGV[2])
  return true
end
-- draw(lane, room, total): takes from a lane while fewer than total are taken; while fewer than room from its front, which
-- nobody stands in, and nobody has been tried, where room is -1; gives how many may be taken in all from then on
-- numbers, records: what has been taken, in that order; tried: what is known of it; takesSuspect: one may still be taken
-- foreign: of a newer format, which is left as it is; putBack() does that
-- isCut: a bound was met, there may be more at once
local numbers, records, tried, foreign, isCut, takesSuspect = {}, {}, {}, {}, false, ARGV[7] == '1'
local function take(popped, key, lane, room)
  local found = call('HMGET', base .. ':tasks', unpack(popped))
  local before = room >= 0 and call('HMGET', base .. ':attempts', unpack(popped)) or {}
  for i = 1, #popped do
    local number, record = popped[i], found[i]
    local isSuspect = before[i] and select(2, tries(before[i])) >= 2
    if record and not isKnown(record) then foreign[#foreign + 1] = { number, key, lane }
    elseif record and isSuspect and not (takesSuspect and #numbers < room) then
      -- It came to the head of the list, and may not run with others: it waits with its like.
      call('ZADD', base .. ':suspect:' .. lane, number, number)
      woken[lane] = woken[lane] or 0
    elseif record then
      local place = not string.find(record, '^1 %d+\\n') and field(record, 'p')
      if not place or enter(number, record, place) then
        numbers[#numbers + 1], records[#records + 1] = number, record
        if room >= 0 then tried[#numbers] = before[i] end
        if isSuspect then takesSuspect = false end
      end
    end
  end
end
local function pop(key, lane, count)
  if lane then return call('LPOP', key, count) or {} end
  local popped, scored = {}, call('ZPOPMIN', key, count)
  for i = 1, #scored, 2 do popped[#popped + 1] = scored[i] end
  return popped
end
local function from(key, lane, room, total)
  for _ = 1, 4 do
    local count = total - #numbers
    if count <= 0 then return end
    local popped = pop(key, lane, count)
    if #popped > 0 then take(popped, key, lane, room) end
    if #popped < count then return end
  end
  if #numbers < total then isCut = true end
end
local function draw(lane, room, total)
  local ready, front, suspect = base .. ':ready:' .. lane, base .. ':front:' .. lane, base .. ':suspect:' .. lane
  local before = #numbers
  if takesSuspect and before < room then from(suspect, nil, room, before + 1) end
  from(front, nil, room, room)
  -- Behind those who still stand in front nobody is claimed ahead: they would begin before them.
  if room >= 0 and call('EXISTS', front) == 1 then total = math.min(total, room) end
  from(ready, lane, room, total)
  if string.sub(lane, 1, 1) == 'p' and #numbers > before and call('EXISTS', ready, front, suspect) == 0 then
    call('ZREM', base .. ':names', string.sub(lane, 2))
  end
  return total
end
local function putBack()
  for i = #foreign, 1, -1 do
    local number, key, lane = unpack(foreign[i])
    if lane then call('LPUSH', key, number) else call('ZADD', key, number, number) end
  end
end
-- The end of a claimer's turn.
-- hold(first, free, window): what has been taken is its own, with fences from first on; with a window, starts
-- nextStart(limit, window): when the rate allows another start, where it allows none now
-- stand(claimer, isIdle, some, mayWake): wakes whoever may take what it has left; it is idle or not; its lease, for as long
-- as it holds something or is idle: who is not heard of any more is not woken either
local function hold(first, free, window)
  local held, starts, low, most, isWatched = {}, {}, first % 100000000, tonumber(ARGV[16]), m.isWatched
  local high = int((first - low) / 100000000)
  for i = 1, #numbers do
    local low = low + i - 1
    local fence = low < 100000000 and high .. string.format('%08d', low) or int(first + i - 1)
    local begins = i <= free and (not tried[i] or tries(tried[i]) < most)
    held[2 * i - 1], held[2 * i] = numbers[i], (begins and 'r' or 'a') .. fence
    if begins and isWatched then started(numbers[i], records[i], tried[i]) end
    if window then starts[2 * i - 1], starts[2 * i] = int(now), fence end
  end
  many('HSET', claimed, held)
  many('ZADD', ':starts', starts)
  if #starts > 0 then call('ZADD', base .. ':expiring', int(now + window), 't') end
end
local function nextStart(limit, window)
  local starts = base .. ':starts'
  local over = call('ZCARD', starts) - limit
  return over >= 0 and call('ZRANGE', starts, int(over), int(over), 'WITHSCORES')[2] + window or nil
end
local function waiting(lane, withSuspects)
  local count = call('LLEN', base .. ':ready:' .. lane) + call('ZCARD', base .. ':front:' .. lane)
  return count + (withSuspects and call('ZCARD', base .. ':suspect:' .. lane) or 0)
end
local function stand(claimer, isIdle, some, mayWake)
  if some then call('ZREM', base .. ':idle', claimer) end
  if some and not m.isPaused and call('ZCARD', base .. ':idle') > 0 then
    -- Two that may have no suspect would wake each other for ever over one that is there.
    local lanes, count, withSuspects = {}, sooner and 1 or 0, ARGV[7] == '1' or next(woken) ~= nil
    for i = 17, mayWake and 16 + ARGV[12] or 0 do lanes[ARGV[i]] = true end
    for lane in pairs(mayWake and woken or {}) do lanes[lane] = true end
    local left = 0
    for lane in pairs(lanes) do
      if string.sub(lane, 1, 1) == 'l' then left = left + waiting(lane, withSuspects) end
    end
    count = math.max(count, left)
    if count > 0 then wake(count) end
  end
  for lane in pairs(m.isPaused and {} or woken) do
    if string.sub(lane, 1, 1) == 'p' and waiting(lane, true) > 0 then tell('@' .. string.sub(lane, 2), 'work') end
  end
  if isIdle then call('ZADD', base .. ':idle', int(micros), claimer) end
  if isIdle or #numbers > 0 or call('HLEN', base .. claimed) > 0 then
    call('ZADD', base .. ':leases', int(now + ARGV[4]), claimer)
  else call('ZREM', base .. ':leases', claimer) end
end
-- The answer of a step, and the same answer again.
-- answer(plain, others, due, isMore, isIdle, ahead, fences, numbers, records, tried): what step RETURNS
-- again(): as the memo "<sequence> <at> <first fence> <last> <ahead> <due> <more> <idle> <plain> <others>" says, with all
-- that is still held of what was claimed; it proves life like the first. Idle is only whoever would be woken
local function answer(plain, others, due, isMore, isIdle, ahead, fences, numbers, records, tried)
  local paused, wait = m.isPaused and 1 or 0, due == '-' and -1 or math.max(0, due - now)
  return { '', m.life or '', plain, others, paused, wait, isMore, isIdle, ahead, fences, numbers, records, tried }
end
local function again()
  local w, mine, numbers, fences, records, ahead = {}, {}, {}, {}, {}, 0
  for word in string.gmatch(m.memo, '%S+') do w[#w + 1] = word end
  call('ZADD', base .. ':leases', 'XX', int(now + ARGV[4]), ARGV[2])
  local held = call('HGETALL', base .. ':claimed:' .. ARGV[2])
  for i = 1, #held, 2 do
    local fence = tonumber(string.sub(held[i + 1], 2))
    if fence >= tonumber(w[3]) and fence <= tonumber(w[4]) then mine[#mine + 1] = { held[i], fence } end
  end
  table.sort(mine, function(one, other) return one[2] < other[2] end)
  for _, claim in ipairs(mine) do
    local record = call('HGET', base .. ':tasks', claim[1])
    if record and isKnown(record) then
      numbers[#numbers + 1], fences[#fences + 1], records[#records + 1] = claim[1], int(claim[2]), record
      if claim[2] > w[4] - w[5] then ahead = ahead + 1 end
    end
  end
  local tried = #numbers > 0 and call('HMGET', base .. ':attempts', unpack(numbers)) or {}
  local plain, others = w[9] == '-' and '' or w[9], w[10] == '-' and '' or w[10]
  local idle = w[8] == '1' and call('ZSCORE', base .. ':idle', ARGV[2]) and 1 or 0
  return answer(plain, others, w[6], tonumber(w[7]), idle, ahead, fences, numbers, records, tried)
end
local claimer, sequence, free, limit, window = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9])
local lanesAt, plainAt = 17, 17 + ARGV[12]
local begunAt = plainAt + 2 * ARGV[13]
if not open(KEYS[1], KEYS[2], claimer) then return { m.format } end
-- What its last step gave a claimer is known from here alone, for as long as it holds it.
if m.isOld and call('EXISTS', base .. ':claimed:' .. claimer) == 0 then m.memo = nil end
local before = tonumber(string.match(m.memo or '0', '^%d+'))
if sequence == before then return again() elseif sequence < before then return { 'refused' } end
local plain = plainly(plainAt, tonumber(ARGV[13]))
local others = settle(begunAt + ARGV[14], tonumber(ARGV[15]))
begin(begunAt, tonumber(ARGV[14]))
if kills > 0 then trim(tonumber(ARGV[10]), tonumber(ARGV[11])) end
clear()
flush()
-- No slower than answers and ids come to be kept.
collect(128 + 2 * ARGV[15])
local keys = { base .. ':delayed', base .. ':idle', base .. ':attempts' }
for i = lanesAt, plainAt - 1 do
  keys[#keys + 1], keys[#keys + 2] = base .. ':front:' .. ARGV[i], base .. ':suspect:' .. ARGV[i]
end
-- Where there is nothing of all this, nobody pays for it.
local some = call('EXISTS', unpack(keys)) > 0
local due, asked = some and promote() or nil, free + ARGV[6]
local most = math.min(asked, 512)
local total, allowedAt, isRated = m.isPaused and 0 or most, nil, false
if limit > 0 and total > 0 then
  call('ZREMRANGEBYSCORE', base .. ':starts', '-inf', int(now - window))
  local left = math.max(0, limit - call('ZCARD', base .. ':starts'))
  isRated, total = left < total, math.min(left, total)
end
local room = some and math.min(free, total) or -1
for i = lanesAt, plainAt - 1 do
  if #numbers >= total or isCut then break end
  total = draw(ARGV[i], room, total)
end
putBack()
local first, count = math.max(m.fence + 1, micros), #numbers
local last = first + count - 1
hold(first, free, limit > 0 and window)
if isRated then
  allowedAt = nextStart(limit, window)
  due = due and allowedAt and math.min(due, allowedAt) or due or allowedAt
end
local isMore = isCut or asked > most and count == most or due ~= nil and due <= now
local isIdle = asked > 0 and count < free and not isMore
stand(claimer, isIdle, some, not allowedAt and #foreign == 0)
report()
local more, idle = isMore and 1 or 0, isIdle and 1 or 0
local ahead = math.max(0, count - free)
local memo = { int(sequence), int(now), int(first), int(last), ahead, due and int(due) or '-', more, idle }
memo[9], memo[10] = plain == '' and '-' or plain, others == '' and '-' or others
call('HSET', base .. ':meta', '=' .. claimer, table.concat(memo, ' '), 'fence', int(count > 0 and last or m.fence))
if not m.memo then call('ZADD', base .. ':expiring', int(now + 3600000), 's' .. claimer) end
return answer(plain, others, due or '-', more, idle, ahead, int(first), numbers, records, tried)
`
})

/** Has what happens pushed to whoever listens, for a while. Returns {format} of newer data, else {"", the number of the last push} Cost: O(1) */
export const taskqueueWatch = Script.make({
  name: "TaskQueue/watch",
  adds: false,
  sha: "f9326c4a0d81b84203dece6f0c6ded826ff38adf",
  keys: ["queue", "meta"],
  args: ["now", "run", "wait"],
  commands: ["INFO", "TIME", "HMGET", "HGET", "HSET"],
  source: `#!lua flags=allow-oom
-- Has what happens pushed to whoever listens, for a while.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] run       the server's run id; empty with now: the server is asked
-- ARGV[3] wait      ms
-- RETURNS {format} of newer data, else {"", the number of the last push}
-- COST O(1)
-- COMMANDS INFO, TIME, HMGET, HGET, HSET
-- PARTS ground
-- Time, the queue, and what its meta says.
-- call, base: redis.call, and the queue's key, which all others begin with
-- now, micros: the server's time in ms and in µs
-- int(number): its text, whole
-- open(queue, meta, who): begins with a queue, and with what is remembered of \`who\` for an hour; false: the data is of a newer
-- format
-- m: format, next, life, fence, isPaused, awaited, tick, judgeFrom, memo, and whether that is older than an
-- hour; until when somebody watches, the number of the last push to whoever does, and whether anybody does
local call, base, m = redis.call, '', {}
local now, micros = tonumber(ARGV[1]), tonumber(ARGV[1] .. '000')
if not now then
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
  now = math.floor(micros / 1000)
end
-- What a processor's own arithmetic writes is cheaper by far, and every build of Lua can as long as it has 31 bits.
local function int(number)
  return string.format(number >= 0 and number < 2147483648 and '%d' or '%.0f', number)
end
local function open(queue, meta, who)
  base = queue
  local v = call('HMGET', meta, 'format', 'next', 'life', 'fence', 'paused', 'awaited', 'tick', 'judge', '=' .. (who or ''), 'watched', 'pushed')
  m = {
    format = v[1] or '1', next = tonumber(v[2] or 0), life = v[3], fence = tonumber(v[4] or 0), isPaused = v[5] == '1',
    awaited = tonumber(v[6] or 0), tick = v[7] and tonumber(v[7]), judgeFrom = tonumber(v[8] or 0), memo = v[9],
    watched = tonumber(v[10] or 0), pushed = tonumber(v[11] or 0)
  }
  local at = string.match(m.memo or '', '^%d+ (%d+)')
  m.isOld = at and at + 3600000 <= now
  m.isWatched = now < m.watched
  return m.format == '1'
end
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local run = ARGV[1] == '' and string.match(call('INFO', 'server'), 'run_id:(%w+)') or ARGV[2]
-- Where nobody watches any more, or another server took over, a number is left out, which whoever has watched until then
-- will miss.
local isSame = m.isWatched and call('HGET', base .. ':meta', 'run') == run
local number = isSame and m.pushed or math.max(m.pushed + 1, micros)
call('HSET', base .. ':meta', 'watched', int(math.max(m.watched, now + ARGV[3])), 'pushed', int(number), 'run', run)
return { '', int(number) }
`
})

/** All of them, for whoever needs to know every command that Troupe runs. */
export const all = [
  cacheAcquire,
  cacheClear,
  cacheCommit,
  cacheInvalidate,
  cacheLock,
  cacheLook,
  cacheRead,
  cacheRelease,
  cacheRelock,
  cacheRemove,
  cacheRenew,
  cacheScan,
  cacheSwap,
  cacheSweep,
  cacheTake,
  cacheTouch,
  cacheUnlock,
  cacheWrite,
  chatAct,
  chatBury,
  chatCreate,
  chatDestroy,
  chatEnter,
  chatExit,
  chatHolders,
  chatLeave,
  chatList,
  chatLook,
  chatPeers,
  chatPrune,
  chatRead,
  chatRooms,
  chatSay,
  chatSeats,
  chatServer,
  chatSweep,
  chatUnlist,
  chatWords,
  mailboxClose,
  mailboxDeliver,
  mailboxPoll,
  peerregistryBeat,
  peerregistryEnter,
  peerregistryLeader,
  peerregistryLeave,
  peerregistryPage,
  peerregistryTerms,
  peerregistryUpdate,
  pubsubAppend,
  pubsubRead,
  statsFlush,
  statsJoin,
  statsPeers,
  statsRenew,
  statsReset,
  statsSeries,
  statsTotals,
  taskqueueAnswer,
  taskqueueBeat,
  taskqueueCancel,
  taskqueueCounts,
  taskqueueDepart,
  taskqueueEnqueue,
  taskqueueEnrol,
  taskqueueFire,
  taskqueueInspect,
  taskqueuePage,
  taskqueuePause,
  taskqueueProgress,
  taskqueuePurge,
  taskqueueRedrive,
  taskqueueStep,
  taskqueueWatch
] as const
