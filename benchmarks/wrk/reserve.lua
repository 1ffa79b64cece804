-- Reserve one seat of one event: wrk -s reserve.lua URL/reservations -- EVENT

require "counting"

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = string.format('{"partnerId":"benchmark","seats":1,"eventId":"%s"}', args[1])
end
