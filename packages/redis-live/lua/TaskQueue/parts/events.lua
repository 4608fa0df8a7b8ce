-- What happened to tasks, for whoever watches: where nobody does, nothing is gathered.
-- event(letter, number, record, ...): to that task, in these words; the letters are said in core's TaskQueueStore
-- word(text): as one of them
-- report(): pushes what was gathered, under the next number
local happened = {}
local function event(letter, number, record, ...)
  if m.isWatched then happened[#happened + 1] = table.concat({ letter, idOf(number, record), ... }, ' ') end
end
local function word(text) return (string.gsub(text, '[%% \n]', { ['%'] = '%25', [' '] = '%20', ['\n'] = '%0A' })) end
local function report()
  if #happened == 0 then return end
  m.pushed = m.pushed + 1
  call('HSET', base .. ':meta', 'pushed', int(m.pushed))
  tell('!events', int(m.pushed) .. ' ' .. int(now) .. '\n' .. table.concat(happened, '\n'))
  happened = {}
end
