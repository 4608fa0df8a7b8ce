#!lua flags=allow-oom
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
