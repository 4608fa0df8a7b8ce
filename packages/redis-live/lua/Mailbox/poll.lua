#!lua flags=allow-oom
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
