-- The words of a step. `:words` is a stream like the log's of those that stay, where there is a history: an entry for each run of
-- a step's words that follow each other, with k, how many had been kept before its first.
-- speak(words, count, size): so many, a line each, of which the history keeps so many; no size: there is none
-- keep(size, ttl): the last of what a step does to them
local runs = {}
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
end
