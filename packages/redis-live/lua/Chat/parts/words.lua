-- What is said. `:words` is a stream like the log's of the words that stay, where there is a history: an entry for each run of a
-- step's words that follow each other, with k, how many had been kept before its first. `:keys` is a sorted set of "<who said it>
-- <dedupe key>" by the sequence of that word.
-- speak(words, count, size): so many words, a line each, of which the history keeps so many; no size: there is none
-- say(from, text, key, size, ttl): a word. Gives its sequence, or "E<epoch> <sequence>" of the one that its key stands for
-- keep(size, ttl): the last of what a step does to words
local runs, isKeyed = {}, false
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
local function speak(words, count, size)
  append(words, count)
  m.words = m.words + count
  if not size then return end
  local run = runs[#runs]
  if not run or run.first + run.count <= m.sequence - count then
    run = { first = m.sequence - count + 1, count = 0, number = m.words - count + 1, before = m.kept, words = {} }
    runs[#runs + 1] = run
  end
  run.words[#run.words + 1] = words
  run.count, m.kept = run.count + count, m.kept + count
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
local function keep(size, ttl)
  local key = base .. ':words'
  for _, run in ipairs(runs) do
    write(key, run.first, table.concat(run.words, '\n'), run.count, 'n', int(run.number), 'k', int(run.before))
  end
  if #runs > 0 then
    shorten(key, m.kept - size)
    -- Never less than what another definition of the room has asked for.
    if isPhysical and call('PTTL', key) < ttl + 1000 then call('PEXPIRE', key, int(ttl + 1000)) end
  end
  if isKeyed then call('ZREMRANGEBYRANK', base .. ':keys', 0, -1 - math.max(1000, size or 0)) end
end
