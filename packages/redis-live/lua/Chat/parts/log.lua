-- What a step logs is one entry, and one frame: `<sequence of its first text>` -> h "<epoch> <at> <publisher>", d its texts, a line
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
  local texts, count = table.concat(added, '\n'), m.sequence - first + 1
  if m.words > spoken then write(logged, first, texts, count, 'n', int(spoken + 1)) else write(logged, first, texts, count) end
  -- A step logs 768 texts at most: an entry that begins further than that before the last thousand has none of them.
  call('XTRIM', logged, 'MINID', int(math.max(m.sequence - 1766, 0)))
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'kept', int(m.kept), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. texts)
end
