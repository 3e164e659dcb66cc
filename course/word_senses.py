"""Eight words with two senses and eight with one: four sentences of one kind each, and four of another.

The two kinds are the senses; of the words with one sense, two topics, so that what a change of topic does can be told
from what a change of sense does. Each word is one token of the pretrained encoder, once in each of its sentences.
"""

from __future__ import annotations

__all__ = ["ONE_SENSE", "TWO_SENSES"]

Kinds = tuple[tuple[str, str, str, str], tuple[str, str, str, str]]

TWO_SENSES: dict[str, Kinds] = {
    "bank": (
        (
            "The bank raised its interest rates.",
            "She opened an account at the bank.",
            "A bank lent him money for the house.",
            "He works as a cashier in a bank.",
        ),
        (
            "They fished from the muddy bank.",
            "The river burst its bank after the rain.",
            "Reeds grow along the bank of the stream.",
            "We moored the boat at the bank.",
        ),
    ),
    "spring": (
        (
            "In spring the cherry trees bloom.",
            "The days grow longer in spring.",
            "Birds return from the south each spring.",
            "Last spring was cold and wet.",
        ),
        (
            "A rusty spring fell out of the clock.",
            "The spring in this mattress is broken.",
            "Press the spring and the lid opens.",
            "He bent the steel into a spring.",
        ),
    ),
    "bat": (
        (
            "The bat hung upside down in the cave.",
            "A bat finds insects by echo.",
            "At dusk a bat flew over the barn.",
            "The bat folded its wings and slept.",
        ),
        (
            "He swung the bat and missed the ball.",
            "She cracked her bat on the first pitch.",
            "The batter dropped his bat and ran.",
            "A wooden bat is heavier than metal.",
        ),
    ),
    "seal": (
        (
            "The seal dived under the ice for fish.",
            "A seal pup lay on the beach.",
            "The seal barked at the sea lions.",
            "Polar bears hunt the seal in winter.",
        ),
        (
            "The letter bore the seal of the king.",
            "He pressed his seal into the wax.",
            "The seal on the document was forged.",
            "She broke the seal and read the letter.",
        ),
    ),
    "crane": (
        (
            "The crane lifted a beam to the roof.",
            "A crane stood over the building site.",
            "The crane lowered the container.",
            "He drives a crane at the harbour.",
        ),
        (
            "The crane spread its white wings.",
            "A crane waded through the marsh.",
            "The crane laid two eggs in its nest.",
            "We saw a crane fly south in autumn.",
        ),
    ),
    "palm": (
        (
            "A palm gave shade on the beach.",
            "Coconuts fell from the palm.",
            "The island had one palm and no water.",
            "The storm bent the palm to the ground.",
        ),
        (
            "She held the coin in her palm.",
            "His palm was sweaty and warm.",
            "He read the lines on my palm.",
            "The nail had pierced his palm.",
        ),
    ),
    "pitch": (
        (
            "The singer could not hold the pitch.",
            "The flute has a higher pitch.",
            "Her voice rose in pitch.",
            "He tuned the string to the right pitch.",
        ),
        (
            "The players ran onto the pitch.",
            "Rain had turned the pitch to mud.",
            "The fans stormed the pitch after the goal.",
            "The referee walked off the pitch.",
        ),
    ),
    "trunk": (
        (
            "The elephant raised its trunk.",
            "The calf drank with its trunk.",
            "The trunk of an elephant has no bones.",
            "It picked up the peanut with its trunk.",
        ),
        (
            "He put the suitcases in the trunk.",
            "The trunk of the car would not close.",
            "The spare wheel is in the trunk.",
            "She locked the dog in the trunk of the taxi.",
        ),
    ),
}

ONE_SENSE: dict[str, Kinds] = {
    "water": (
        (
            "Boil the water for the pasta.",
            "Add salt to the water and stir.",
            "The rice needs two cups of water.",
            "She poured hot water on the tea.",
        ),
        (
            "The water rose and flooded the town.",
            "The ship took on water and sank.",
            "Sharks swim in the warm water.",
            "The waves threw water over the deck.",
        ),
    ),
    "chair": (
        (
            "The king sat on a golden chair.",
            "A velvet chair stood in the palace.",
            "The queen rose from her chair.",
            "The prince fell asleep in his chair.",
        ),
        (
            "The dentist lowered the chair.",
            "She lay in the chair and opened her mouth.",
            "The nurse pushed a chair to the bed.",
            "The patient in the chair felt no pain.",
        ),
    ),
    "apple": (
        (
            "He ate an apple after lunch.",
            "Peel the apple and cut it small.",
            "She baked the apple with cinnamon.",
            "An apple a day is healthy food.",
        ),
        (
            "The wind blew an apple off the tree.",
            "A worm lived in the apple.",
            "The farmer picked the first apple.",
            "The branch bent under a red apple.",
        ),
    ),
    "doctor": (
        (
            "The doctor listened to her heart.",
            "A doctor set the broken arm.",
            "The doctor wrote a prescription.",
            "He saw a doctor about his cough.",
        ),
        (
            "The doctor danced at the wedding.",
            "My neighbour the doctor plays chess.",
            "The doctor bought a sailing boat.",
            "A doctor won the village lottery.",
        ),
    ),
    "window": (
        (
            "He opened the window to let air in.",
            "Snow piled up below the window.",
            "She washed the window of the kitchen.",
            "A stone broke the window of the shop.",
        ),
        (
            "From the train window we saw cows.",
            "The pilot looked out of the window.",
            "I want a window seat on the flight.",
            "Rain ran down the window of the bus.",
        ),
    ),
    "dog": (
        (
            "The dog chased a cat up a tree.",
            "Our dog sleeps on the sofa.",
            "A dog barked at the postman.",
            "He throws sticks for the dog.",
        ),
        (
            "The police dog found the drugs.",
            "A guide dog led the blind man.",
            "The dog dug in the rubble for survivors.",
            "The dog of the guard bit the thief.",
        ),
    ),
    "paper": (
        (
            "She wrote her name on the paper.",
            "He folded the paper into a boat.",
            "The printer ran out of paper.",
            "Draw a circle on the paper.",
        ),
        (
            "The factory makes paper from wood.",
            "Old rags were once turned into paper.",
            "The mill shipped paper by rail.",
            "They recycle glass and paper here.",
        ),
    ),
    "knife": (
        (
            "He sliced the bread with a knife.",
            "The cook sharpened her knife.",
            "Spread the butter with a knife.",
            "A blunt knife crushes tomatoes.",
        ),
        (
            "The killer hid the knife.",
            "Police found a knife in the alley.",
            "The robber pulled a knife on him.",
            "There was blood on the knife.",
        ),
    ),
}
