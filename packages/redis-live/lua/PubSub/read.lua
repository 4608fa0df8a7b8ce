#!lua flags=allow-oom
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
