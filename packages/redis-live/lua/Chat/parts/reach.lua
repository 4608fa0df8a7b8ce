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
