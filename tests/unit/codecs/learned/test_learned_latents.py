import torch

from workflow_lib.codecs.learned.latents import _Wavefronts, decode_latents, encode_latents
from workflow_lib.codecs.learned.model import Architecture, LearnedModel
from workflow_lib.codecs.learned.quantise import cheapest


def random_model():
    torch.manual_seed(1)
    model = LearnedModel(Architecture(bands=1, channels=8, latents=12)).eval()
    model.spread.copy_(torch.linspace(0.3, 5, 12)[:, None, None])
    model.update(force=True)
    return model


def random_latents(height, width):
    model = random_model()
    features = torch.randn(1, 24, height, width)
    return model, features, 6 * torch.randn(1, 12, height, width)


def test_wavefronts_visit_each_position_once_and_after_its_context():
    model, features, _ = random_latents(7, 9)
    order = torch.full((7, 9), -1)
    for number, (grid, _) in enumerate(_Wavefronts(model, features)):
        assert (order.flatten()[grid] == -1).all()
        order.view(-1)[grid] = number
    assert (order >= 0).all()
    padded = torch.nn.functional.pad(order, (2, 2, 2, 0), value=-1)
    for y, x in model.context.mask[0, 0].nonzero().tolist():
        assert (padded[y : y + 7, x : x + 9] < order).all()


@torch.no_grad()
def test_wavefronts_predict_what_the_training_pass_predicts():
    model, features, latents = random_latents(5, 6)
    wavefronts = _Wavefronts(model, features)
    means = torch.zeros(30, 12)
    for grid, padded in wavefronts:
        _, means[grid] = wavefronts.gaussians(grid, padded)
        wavefronts.place(padded, latents[0].flatten(1).T[grid])
    together = torch.cat((features, model.context(latents / model.spread)), dim=1)
    _, expected = model.gaussians(model.last(model.entropy_parameters(together)), model.spread)
    assert torch.allclose(means, expected[0].flatten(1).T, atol=1e-4)


@torch.no_grad()
def test_latents_survive_within_their_rounding():
    model, features, latents = random_latents(8, 8)
    decoded = decode_latents(model, encode_latents(model, latents, features), features)
    # rounding may go towards zero, past the nearest integer, but never a full step
    assert (decoded - latents).abs().max() < 1.5
    assert (decoded - latents).abs().median() <= 0.3


def test_rounding_prefers_zero_where_zero_is_likely():
    gaussian = random_model().gaussian_conditional
    residual = torch.tensor([0.6, -0.6, 0.6, 2.4, -0.2])
    scales = torch.tensor([0.2, 0.2, 50.0, 50.0, 1.0])
    assert cheapest(gaussian, residual, scales).tolist() == [0.0, 0.0, 1.0, 2.0, 0.0]
