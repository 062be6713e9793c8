"""The alphabet of a grid: tiles and their characters, compass moves, seats. No jax, so that a picture needs
none.
"""

FLOOR, WALL, WATER, BRIDGE, LITTER = 0, 1, 2, 3, 4
GOAL = 10  # goals 1..9 of a hidden order are GOAL + 0 .. GOAL + 8
COIN = 20  # coins of colour k are COIN + k
COLOURS = ("red", "green", "blue", "yellow")

CHAR_OF_TILE = (
    {FLOOR: ".", WALL: "#", WATER: "~", BRIDGE: "=", LITTER: "*"}
    | {GOAL + i: str(i + 1) for i in range(9)}
    | {COIN + k: colour[0] for k, colour in enumerate(COLOURS)}
)
TILE_OF_CHAR = {char: tile for tile, char in CHAR_OF_TILE.items()}

# Headings and compass moves share one order: up, right, down, left.
DELTAS = ((-1, 0), (0, 1), (1, 0), (0, -1))
COMPASS_MOVES = ("up", "right", "down", "left", "stay")
TURNS = ("left", "right", "forward")

# Seats in the order of their index, in levels and in pictures.
SEATS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
