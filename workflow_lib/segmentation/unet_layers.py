"""Import encoder and decoder of segmentation-models-pytorch's U-Net without the whole package.

The package's `__init__` imports all of timm and torchvision, and a client of a model hub.
"""

from torch import Tensor, nn

from workflow_lib.partial_import import without_init

with without_init(
    "torchvision",
    "torchvision.models",
    "torchvision.ops",
    "segmentation_models_pytorch",
    "segmentation_models_pytorch.base",
    "segmentation_models_pytorch.decoders",
    "segmentation_models_pytorch.decoders.unet",
    "segmentation_models_pytorch.encoders",
):
    import torchvision.models
    from segmentation_models_pytorch.base.heads import SegmentationHead
    from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
    from torchvision.models.mobilenetv2 import MobileNetV2

    # The module below expects this name here, where torchvision's `__init__` would put it.
    torchvision.models.MobileNetV2 = MobileNetV2
    from segmentation_models_pytorch.encoders.mobilenet import mobilenet_encoders
    from segmentation_models_pytorch.encoders.resnet import resnet_encoders

_ENCODERS = {**resnet_encoders, **mobilenet_encoders}


class Network(nn.Module):
    """The network that `segmentation_models_pytorch.Unet` builds, with the same initial weights.

    Args:
        encoder: name of the backbone; see `config.segmenters.Segmenter`.
        depth: stages of the encoder.
        decoder_channels: channels of the decoder's stages, deepest first.
        bands: channels of the input.
    """

    def __init__(
        self, encoder: str, depth: int, decoder_channels: tuple[int, ...], bands: int
    ) -> None:
        super().__init__()
        known = _ENCODERS[encoder]
        self.encoder = known["encoder"](**known["params"], depth=depth)
        self.encoder.set_in_channels(bands, pretrained=False)
        self.decoder = UnetDecoder(
            encoder_channels=self.encoder.out_channels,
            decoder_channels=decoder_channels,
            n_blocks=depth,
        )
        self.segmentation_head = SegmentationHead(decoder_channels[-1], 1)
        initialize_decoder(self.decoder)
        initialize_head(self.segmentation_head)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, float32 [tile, 1, y, x], of an image [tile, band, y, x]."""
        logits: Tensor = self.segmentation_head(self.decoder(self.encoder(image)))
        return logits
