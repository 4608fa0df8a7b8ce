#!lua
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
  local frame = string.format('1 %s %.0f %.0f %s\n', epoch, first, at, ARGV[6])
  redis.call('SPUBLISH', KEYS[3], frame .. table.concat(payloads, '\n'))
end
return reply
