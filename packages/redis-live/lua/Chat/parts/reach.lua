-- How far back a room can be read. Times never go back, and numbers grow with sequences: where it begins is found by halving.
-- seq(entry), number(entry): its sequence; that of a word among the words, nil for what is none
-- isFresh(entry, ttl): it is not too old
-- range(key, from, to, count): entries of these sequences
-- begins(key, from, holds): the first sequence from there on of an entry that holds, as all behind one that holds do; one behind
-- the last: none does
-- reach(): the first sequence that can be read in the log
-- kept(size, ttl): the same of the words that stay
-- place(epoch, sequence): after which sequence whoever was there reads on, and how that is not where it was, or empty
local function seq(entry) return tonumber(string.match(entry[1], '%d+')) end
local function number(entry) return tonumber(string.match(entry[2][4], '^S (%d+) ')) end
local function isFresh(entry, ttl) return tonumber(string.match(entry[2][2], ' (%d+)')) > m.at - ttl end
local function range(key, from, to, count)
  return call('XRANGE', base .. key, int(from), int(to), 'COUNT', count)
end
local function begins(key, from, holds)
  local low, high, found = from, m.sequence + 1, m.sequence + 1
  local middle = low
  while low < high do
    local entry = range(key, middle, high - 1, 1)[1]
    if entry and not holds(entry) then low = seq(entry) + 1
    else
      found, high = entry and seq(entry) or found, middle
    end
    middle = math.floor((low + high) / 2)
  end
  return found
end
local function reach()
  return begins(':log', math.max(m.sequence - 1000, 0) + 1, function(entry) return isFresh(entry, 300000) end)
end
local function kept(size, ttl)
  -- More than are to stay are there where another definition of the room keeps more.
  local least = call('XLEN', base .. ':words') > size and m.words - size or 0
  return begins(':words', m.since + 1, function(entry) return isFresh(entry, ttl) and number(entry) > least end)
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
