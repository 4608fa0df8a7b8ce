-- What a step logs: each entry `<sequence>` -> h "<epoch> <at> <publisher>", d text; and one frame of all.
-- begin(publisher): whose step it is
-- append(text): logs one entry; its sequence, as text
-- head: what an entry of this step is given as h
-- settle(): the last of what a step does to the log; nothing where it logged nothing
local logged, added, first, head, publisher = '', {}, 0, '', ''
local function begin(by)
  logged, publisher, first = base .. ':log', by, m.sequence + 1
  head = m.epoch .. ' ' .. int(m.at) .. ' ' .. by
end
local function append(text)
  m.sequence = m.sequence + 1
  local id = int(m.sequence)
  call('XADD', logged, id, 'h', head, 'd', text)
  added[#added + 1] = text
  return id
end
local function settle()
  if #added == 0 then return end
  call('XTRIM', logged, 'MAXLEN', 1000)
  if isPhysical then call('PEXPIRE', logged, 301000) end
  call('HSET', KEYS[2], 'sequence', int(m.sequence), 'at', int(m.at), 'words', int(m.words), 'grace', int(m.grace))
  local frame = string.format('1 %s %.0f %.0f %s\n', m.epoch, first, m.at, publisher)
  call('SPUBLISH', base, frame .. table.concat(added, '\n'))
end
