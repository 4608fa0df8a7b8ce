-- What is said. `:words` is a stream like the log's of the words that stay, where there is a history; `:keys` a sorted set of
-- "<who said it> <dedupe key>" by the sequence of that word.
-- say(from, text, key, size, ttl): a word, of which the history keeps so many, so long; no size: there is none. Gives its sequence,
-- or "E<epoch> <sequence>" of the one that its key stands for
-- keep(size, ttl): the last of what a step does to words
local spoken, isKeyed = false, false
-- Neither too old nor too much, and so it can still be read.
local function place(key, sequence, ttl)
  local entry = call('XRANGE', key, sequence, sequence)[1]
  if not entry then return nil end
  local epoch, at = string.match(entry[2][2], '^(%S+) (%d+)')
  return tonumber(at) > m.at - ttl and epoch or nil, entry[2][4]
end
local function known(member, size, ttl)
  local sequence = call('ZSCORE', base .. ':keys', member)
  if not sequence then return nil end
  local epoch = tonumber(sequence) > m.sequence - 1000 and place(logged, sequence, 300000)
  if not epoch and size then
    local kept, word = place(base .. ':words', sequence, ttl)
    epoch = kept and (call('XLEN', base .. ':words') <= size or tonumber(string.match(word, '^S (%d+)')) > m.words - size) and kept
  end
  return epoch and 'E' .. epoch .. ' ' .. sequence
end
local function say(from, text, key, size, ttl)
  local member = key ~= '' and from .. ' ' .. key
  local said = member and known(member, size, ttl)
  if said then return said end
  m.words = m.words + 1
  local word = 'S ' .. int(m.words) .. ' ' .. from .. ' ' .. text
  local sequence = append(word)
  if size then
    call('XADD', base .. ':words', sequence, 'h', head, 'd', word)
    spoken = true
  end
  if member then
    call('ZADD', base .. ':keys', sequence, member)
    isKeyed = true
  end
  return m.sequence
end
local function keep(size, ttl)
  if spoken then
    call('XTRIM', base .. ':words', 'MAXLEN', size)
    -- Never less than what another definition of the room has asked for.
    if isPhysical and call('PTTL', base .. ':words') < ttl + 1000 then call('PEXPIRE', base .. ':words', int(ttl + 1000)) end
  end
  if isKeyed then call('ZREMRANGEBYRANK', base .. ':keys', 0, -1 - math.max(1000, size or 0)) end
end
