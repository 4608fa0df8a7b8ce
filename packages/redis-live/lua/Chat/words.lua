#!lua flags=allow-oom
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
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, sequence, number, lost 0|1, end 0|1, id, h, d, ...}
-- COST O(log n + limit); without a history O(entries of the log)
-- COMMANDS INFO, TIME, HMGET, HSET, XLEN, XRANGE, XREVRANGE
-- PARTS ground, reach, back
if not open(KEYS[1], KEYS[2]) then return { m.format } elseif not m.exists then return { '' } end
local from, asked, size, limit = ARGV[6], tonumber(ARGV[8]), tonumber(ARGV[4]), tonumber(ARGV[10])
local key, low = size and ':words' or ':log', size and kept(size, tonumber(ARGV[5])) or reach()
local after, gap = m.since, ''
if from == 'After' then after, gap = place(ARGV[7], asked)
elseif from == 'Last' and size then
  local least = m.words - asked
  low = begins(key, low, function(entry) return number(entry) > least end)
elseif from == 'Last' then low = lastOf(asked, low) or m.sequence + 1 end
local next, said, first, last = math.max(after, m.since, low - 1) + 1, 0, m.words + 1, m.words
local reply, sequence = { '', m.epoch, '', '', 0, 1 }, m.sequence
while next <= m.sequence and said <= limit do
  -- One more than is given, to know whether it is there.
  local page = range(key, next, m.sequence, size and limit + 1 - said or 256)
  if #page == 0 then break end
  for _, entry in ipairs(page) do
    next = seq(entry) + 1
    local word, n = number(entry), #reply
    if word then said = said + 1 end
    if said > limit then break end
    if word then
      if said == 1 then first = word end
      last, sequence = word, next - 1
      reply[n + 1], reply[n + 2], reply[n + 3] = entry[1], entry[2][2], entry[2][4]
    end
  end
end
reply[3], reply[4] = int(sequence), int(last)
-- What is missing before the first one, or, with none, of all there were.
if gap ~= '' or from == 'After' and first > tonumber(ARGV[9]) + 1 then reply[5] = 1 end
if said > limit then reply[6] = 0 end
return reply
