-- wrk asks for the same address as shoppers of a Zipf mix: of 10,000, the first makes a tenth of the calls.
-- wrk ... -s zipf.lua -- COOKIES PRODUCTS ADDRESS, where %p in the address is a product of a Zipf mix too.
local cookies, products, sums, address = {}, {}, {}, "/"
local number = 0

function setup(thread)
  number = number + 1
  thread:set("seed", number)
end

local function lines(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

local function cumulated(count)
  local sum, table = 0, {}
  for place = 1, count do
    sum = sum + 1 / place
    table[place] = sum
  end
  return table
end

local function pick(values, sums)
  local wanted, low, high = math.random() * sums[#sums], 1, #sums
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < wanted then low = middle + 1 else high = middle end
  end
  return values[low]
end

function init(args)
  math.randomseed(seed)
  cookies, products, address = lines(args[1]), lines(args[2]), args[3]
  cookie_sums, product_sums = cumulated(#cookies), cumulated(#products)
end

function request()
  local path = address:gsub("%%p", function() return pick(products, product_sums) end)
  return wrk.format("GET", path, { ["Cookie"] = pick(cookies, cookie_sums) })
end
