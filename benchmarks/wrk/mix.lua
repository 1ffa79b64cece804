-- Alternate between a reservation and the event's summary: wrk -s mix.lua URL/reservations -- EVENT

require "counting"

local requests = {}
local turn = 0

function init(args)
  local headers = {["Content-Type"] = "application/json"}
  local body = string.format('{"partnerId":"benchmark","seats":1,"eventId":"%s"}', args[1])
  requests[0] = wrk.format("POST", nil, headers, body)
  requests[1] = wrk.format("GET", wrk.path .. "?eventId=" .. args[1])
end

function request()
  turn = 1 - turn
  return requests[turn]
end
