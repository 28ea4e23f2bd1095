"""A model that is as far from the honest ones as they are from each other."""

import torch

from decentralizepy.attacks.Attack import Attack


class ALIE(Attack):
    """Send the mean of the honest neighbors' models plus z of their standard deviations.

    Entry by entry. Baruch, Baruch and Goldberg, A Little Is Enough: Circumventing Defenses
    For Distributed Learning, NeurIPS 2019, algorithm 3. Here the attacker knows the models
    that its honest neighbors send to it in this round.

    Parameters
    ----------
    z : float, default 1.5
        How many standard deviations from the mean. The paper's rule, the largest z that
        enough honest models are expected to exceed, gives 0 in neighborhoods of five nodes,
        so the choice is left to the user.
    """

    informed = True

    def __init__(self, uid: int, seed: int, z: float = 1.5) -> None:
        super().__init__(uid, seed)
        self.z = z

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        if len(honest) == 1:
            return honest[0].clone()
        return honest.mean(0) + self.z * honest.std(0)
