-- Count answers by status, and print the results as JSON in the last line.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function response(status)
  -- A global variable, so that done() can read it from each thread.
  local name = "count_" .. status
  _G[name] = (_G[name] or 0) + 1
end

local function statuses()
  local counts = {}
  for status = 100, 599 do
    local sum = 0
    for _, thread in ipairs(threads) do
      sum = sum + (thread:get("count_" .. status) or 0)
    end
    if sum > 0 then
      table.insert(counts, string.format('"%d":%d', status, sum))
    end
  end
  return table.concat(counts, ",")
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds":%.6f,"requests":%d,"p50":%.3f,"p99":%.3f,"max":%.3f,"statuses":{%s},'
      .. '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d}}\n',
    summary.duration / 1e6, summary.requests,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3, statuses(),
    errors.connect, errors.read, errors.write, errors.timeout))
end
