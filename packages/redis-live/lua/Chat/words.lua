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
-- RETURNS {format} of newer data, {""} where there is no room, else {"", epoch, sequence, number, lost 0|1, end 0|1, sequence, h, text, ...}
-- COST O(log n + limit); without a history O(entries of the log)
-- COMMANDS INFO, TIME, HMGET, HSET, XRANGE, XREVRANGE
-- PARTS ground, reach, back
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
