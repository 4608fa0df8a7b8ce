-- What is said, one word at a time. `:keys` is a sorted set of "<who said it> <dedupe key>" by the sequence of that word.
-- say(from, text, key, size, ttl): a word. Gives its sequence, or "E<epoch> <sequence>" of the one that its key stands for
-- forgetKeys(size): the last of what a step does to keys
local isKeyed = false
-- Whose it is, where it is not too old; for those that stay, how many were kept up to it.
local function place(key, sequence, ttl)
  local entry = call('XREVRANGE', key, int(sequence), '-', 'COUNT', 1)[1]
  local behind = entry and sequence - tonumber(string.match(entry[1], '%d+'))
  if not entry or behind >= tonumber(entry[2][6]) then return nil end
  local epoch, at = string.match(entry[2][2], '^(%S+) (%d+)')
  return tonumber(at) > m.at - ttl and epoch or nil, tonumber(entry[2][10] or 0) + behind + 1
end
local function known(member, size, ttl)
  local sequence = tonumber(call('ZSCORE', base .. ':keys', member) or '')
  if not sequence then return nil end
  local epoch = sequence >= first and m.epoch or sequence > m.sequence - 1000 and place(logged, sequence, 300000)
  if not epoch and size then
    local kept, ordinal = place(base .. ':words', sequence, ttl)
    epoch = kept and ordinal > m.kept - size and kept
  end
  return epoch and 'E' .. epoch .. ' ' .. int(sequence)
end
local function say(from, text, key, size, ttl)
  local member = key ~= '' and from .. ' ' .. key
  local said = member and known(member, size, ttl)
  if said then return said end
  speak('S ' .. from .. ' ' .. text, 1, size)
  if member then
    call('ZADD', base .. ':keys', int(m.sequence), member)
    isKeyed = true
  end
  return m.sequence
end
local function forgetKeys(size)
  if isKeyed then call('ZREMRANGEBYRANK', base .. ':keys', 0, -1 - math.max(1000, size or 0)) end
end
