-- Makes a fresh state what scripts find: without what a script could break the limits with, with what scripts written for
-- older versions of Lua use. Runs once in each state, before any script.
--
-- `over` says whether the time of the call is up, `stop` raises the error that ends it, `out` takes a line of print,
-- `find` gives the text of a stored script, `files` tells whether scripts may use files and programs.
local over, stop, out, find, files = ...

local error, load, next, pcall, select, tostring, type = error, load, next, pcall, select, tostring, type
local rawget, rawlen, setmetatable, xpcall = rawget, rawlen, setmetatable, xpcall
local getmetatable = getmetatable
local concat, sort, unpack = table.concat, table.sort, table.unpack

-- Errors of a script may be caught, the end of its time may not.

local function go_on(...)
  if over() then stop() end
  return ...
end

function _G.pcall(...)
  return go_on(pcall(...))
end

-- A handler runs inside of what has raised the error. Where that is the end of time, nothing could end the handler.
function _G.xpcall(f, handler, ...)
  local function handle(problem)
    if over() then return problem end
    return handler(problem)
  end
  return go_on(xpcall(f, handle, ...))
end

local create, resume, close, status = coroutine.create, coroutine.resume, coroutine.close, coroutine.status

function coroutine.resume(...)
  return go_on(resume(...))
end

local function unwrapped(good, ...)
  if over() then stop() end
  if good then return ... end
  error((...), 0)
end

-- The original closes a coroutine that has failed, and so does `close`: what runs then, nothing could end either.
function coroutine.wrap(f)
  local routine = create(f)
  return function(...) return unwrapped(resume(routine, ...)) end
end

function coroutine.close(routine)
  if status(routine) == "dead" then return true end
  return go_on(close(routine))
end

-- Finalizers, and what closes variables of a coroutine that was ended, run where no limit reaches.

function _G.setmetatable(t, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error("__gc is not available in scripts", 2)
  end
  if type(meta) == "table" and rawget(meta, "__close") ~= nil then
    error("__close is not available in scripts", 2)
  end
  return setmetatable(t, meta)
end

-- Loops inside of C that nothing ends: over tables that pretend to be long, and of empty steps.

local LONGEST = 1000000

local function plain(t, name)
  if type(t) == "table" and getmetatable(t) ~= nil then
    error("table." .. name .. " needs a table without a metatable", 3)
  end
end

function table.sort(t, ...)
  plain(t, "sort")
  return go_on(sort(t, ...))
end

local insert, move, remove = table.insert, table.move, table.remove

function table.insert(t, ...)
  plain(t, "insert")
  return insert(t, ...)
end

function table.remove(t, ...)
  plain(t, "remove")
  return remove(t, ...)
end

function table.concat(t, ...)
  plain(t, "concat")
  return concat(t, ...)
end

function table.unpack(t, ...)
  plain(t, "unpack")
  return unpack(t, ...)
end

function table.move(from, first, last, ...)
  if last - first >= LONGEST then error("table.move: too many elements", 2) end
  return move(from, first, last, ...)
end

local rep = string.rep

function string.rep(s, n, separator)
  if s == "" and (separator or "") == "" then return "" end
  return go_on(rep(s, n, separator))
end

local collectgarbage = collectgarbage

function _G.collectgarbage(what)
  return what == "count" and collectgarbage("count") or 0
end

-- Scripts are text.

function _G.load(chunk, name, mode, ...)
  return load(chunk, name, "t", ...)
end

function loadstring(text, name)
  return load(text, name or text, "t")
end

string.dump = nil
loadfile = nil
warn = nil

-- Other stored scripts.

local loaded = {}
package = { loaded = loaded, path = "", cpath = "" }

local function stored(name, level)
  local text, where = find(tostring(name))
  if not text then error("there is no script " .. tostring(name), level + 1) end
  local chunk, why = load(text, "@" .. where, "t")
  if not chunk then error(why, 0) end
  return chunk
end

function dofile(name)
  return stored(name, 2)()
end

function require(name)
  local key = string.lower(tostring(name))
  if loaded[key] == nil then
    loaded[key] = true
    local value = stored(name, 2)(name)
    if value ~= nil then loaded[key] = value end
  end
  return loaded[key]
end

for name, library in next, { string = string, table = table, math = math, coroutine = coroutine, utf8 = utf8, os = os } do
  loaded[name] = library
end

function print(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  out(concat(words, "\t"))
end

-- The clock always works; what touches files and programs only where that is allowed; the process is never a script's.

if not files then
  os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time }
  loaded.os = os
end
os.exit = nil
os.setlocale = nil

-- What older versions of Lua had.

_G.unpack = table.unpack
table.getn = function(t) return #t end
table.maxn = function(t)
  local largest = 0
  for key in next, t do
    if type(key) == "number" and key > largest then largest = key end
  end
  return largest
end
table.foreach = function(t, f)
  for key, value in next, t do
    local result = f(key, value)
    if result ~= nil then return result end
  end
end
table.foreachi = function(t, f)
  for i = 1, #t do
    local result = f(i, t[i])
    if result ~= nil then return result end
  end
end
string.gfind = string.gmatch

math.pow = function(x, y) return x ^ y end
math.mod = math.fmod
math.log10 = function(x) return math.log(x, 10) end
math.ldexp = function(m, e) return m * 2.0 ^ e end
math.frexp = function(x)
  if x == 0 or x ~= x or x == math.huge or x == -math.huge then return x, 0 end
  local e = math.floor(math.log(math.abs(x), 2)) + 1
  local m = x / 2.0 ^ e
  if math.abs(m) >= 1 then m, e = m / 2, e + 1 end
  if math.abs(m) < 0.5 then m, e = m * 2, e - 1 end
  return m, e
end
math.cosh = function(x) return (math.exp(x) + math.exp(-x)) / 2 end
math.sinh = function(x) return (math.exp(x) - math.exp(-x)) / 2 end
math.tanh = function(x)
  if x > 20 then return 1.0 elseif x < -20 then return -1.0 end
  local a, b = math.exp(x), math.exp(-x)
  return (a - b) / (a + b)
end

-- Numbers with a fraction where whole ones are meant: older versions cut it off.

local format, floor, ceil, mathtype = string.format, math.floor, math.ceil, math.type
local gmatch, gsub, locate = string.gmatch, string.gsub, string.find

local function whole(value)
  if mathtype(value) ~= "float" or value ~= value or value - value ~= 0 then return value end
  return value < 0 and ceil(value) or floor(value)
end

function string.format(text, ...)
  local fraction = false
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if mathtype(value) == "float" and value % 1 ~= 0 then fraction = true end
  end
  if not fraction then return format(text, ...) end
  local values = { ... }
  local at = 0
  for conversion in gmatch((gsub(text, "%%%%", "")), "%%[^%a]*(%a)") do
    at = at + 1
    if locate("cdiouxX", conversion, 1, true) then values[at] = whole(values[at]) end
  end
  return format(text, unpack(values, 1, select("#", ...)))
end

local function bits(x)
  return floor(x) % 4294967296
end

local function shifted(x, by)
  if by >= 32 or by <= -32 then return 0 end
  if by >= 0 then return bits(x) << by & 0xffffffff end
  return bits(x) >> -by
end

local function field(at, width)
  width = width or 1
  if at < 0 or width < 1 or at + width > 32 then error("trying to access non-existent bits", 3) end
  return (1 << width) - 1
end

bit32 = {
  band = function(...)
    local result = 0xffffffff
    for i = 1, select("#", ...) do result = result & bits((select(i, ...))) end
    return result
  end,
  bor = function(...)
    local result = 0
    for i = 1, select("#", ...) do result = result | bits((select(i, ...))) end
    return result
  end,
  bxor = function(...)
    local result = 0
    for i = 1, select("#", ...) do result = result ~ bits((select(i, ...))) end
    return result
  end,
  bnot = function(x) return ~bits(x) & 0xffffffff end,
  btest = function(...) return bit32.band(...) ~= 0 end,
  lshift = function(x, by) return shifted(x, by) end,
  rshift = function(x, by) return shifted(x, -by) end,
  arshift = function(x, by)
    x = bits(x)
    if by < 0 or x < 0x80000000 then return shifted(x, -by) end
    if by > 31 then return 0xffffffff end
    return x >> by | ~(0xffffffff >> by) & 0xffffffff
  end,
  lrotate = function(x, by)
    x, by = bits(x), by % 32
    return (x << by | x >> 32 - by) & 0xffffffff
  end,
  rrotate = function(x, by) return bit32.lrotate(x, -by) end,
  extract = function(x, at, width) return bits(x) >> at & field(at, width) end,
  replace = function(x, value, at, width)
    local mask = field(at, width)
    return bits(x) & ~(mask << at) | (bits(value) & mask) << at
  end,
}
loaded.bit32 = bit32
