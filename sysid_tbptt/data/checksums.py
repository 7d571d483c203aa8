"""SHA-256 of the raw files of the package nonlinear-benchmarks, by path below its cache directory.

Taken from the published archives. Sets of which no archive could be had are not here: ParWH,
WienerHammerstein_Process_Noise, Industrial_robot. Nor are WienerHammerBenchMark and CED, see `CONTENT`.
"""

_F16 = "F16/F16GVT_Files/BenchmarkData/F16Data_"
_TANKS = "Cascaded_Tanks/CascadedTanksFiles/"
_BOUC_WEN = "BoucWen/BoucWenFiles/Test signals/Validation signals/"

SHA256 = {
    "Silverbox/SilverboxFiles/SNLS80mV.mat": "5c7413a52255af0cb4e2f93fb6903beb92b08965ba1e6ad0a6ffedfed8477ed4",
    _TANKS + "dataBenchmark.mat": "cb2f88d4388be4d3f2a24c6402fba804976aac5f2e1f26cda59ea0a38d016eab",
    "EMPS/DATA_EMPS.mat": "6cf6814ae14618795da0101aae2bb97ff0c6351b0501b5492751b02b07facf7e",
    "EMPS/DATA_EMPS_PULSES.mat": "0eab75bb1f6b16228ee78791343a88bf9bfd9a51036ac9807d7b5fc11c0e1704",
    _F16 + "FullMSine_Level1.mat": "30e7bec7115a117f1391466c1dce34d05c673054fd1a862c441bd4d45dc19b2b",
    _F16 + "FullMSine_Level2_Validation.mat": "89e5add3e59b4406a62bd5dfe4c36bf28e5ad6bb34debb63d7c61756b824c488",
    _F16 + "FullMSine_Level3.mat": "f06fcb7cc0486b50352c1d3a7045617ab24cad8fbe0f282c27baba1c3d139839",
    _F16 + "FullMSine_Level4_Validation.mat": "594326ac0a01717e88e14119576bc5a1de851c3cc778453edb974995c198a6ed",
    _F16 + "FullMSine_Level5.mat": "e92c8a6ad21d5d8af62741baa8dc6b667aa7332d0d8d79115849ba4ff42949b0",
    _F16 + "FullMSine_Level6_Validation.mat": "594584a2c951cfb809b491584ad82205a875fb4aa51f47db9002094b4deecbb7",
    _F16 + "FullMSine_Level7.mat": "bd6dedf8bf1aec4dbba40fb2b553592408dbd0043e11c87a6d8c6969086f46a0",
    _F16 + "SineSw_Level1.mat": "cf3554012b2fb2bfc8f8f1f5c678ccb2a23512466b0f4fbb3d6e2c4b5b2215ac",
    _F16 + "SineSw_Level2_Validation.mat": "e05809ee163e80547570001e9f29cf6a4d1e823d79a6064eb82b817f4472b705",
    _F16 + "SineSw_Level3.mat": "663cb3f8650b5adb8cd40e5d4395513e559a4af129fabf631b1db645a8ff12cd",
    _F16 + "SineSw_Level4_Validation.mat": "9208d67021b053b1a731e8f47527ac7809b2275de741ef30c968f1f02750e9cf",
    _F16 + "SineSw_Level5.mat": "b8c4415d0b66daec0b991e1ce319ba274b7ca8815e63d79023c3015e998a6157",
    _F16 + "SineSw_Level6_Validation.mat": "0d5964c461f5293db948b4f16f754672840a90f62f5dcb831cd4dee0e8f63b91",
    _F16 + "SineSw_Level7.mat": "54415f357a6a057dc1dd73a030b6105f1a1efa801a4abb05cfe8678facc87c6f",
    _BOUC_WEN + "uval_multisine.mat": "3eb9abc0aef66b97beaf003fbcb45b43a4e28d7e82db5bf8abc1c931b92106ed",
    _BOUC_WEN + "uval_sinesweep.mat": "fefd6c08bbf3b27f13f61a15ea0dd8c63211c5924e99f6ca43760d1f25ce9ed3",
    _BOUC_WEN + "yval_multisine.mat": "05e462f7c508c26c8e69549e2b80ff5acea2828b399175c8bdd3fa70eb9905bc",
    _BOUC_WEN + "yval_sinesweep.mat": "52b49f7ff62487bf75efbed95bf759b06d8bad1127a8e63bc242e119d72bc57b",
}

CONTENT = {
    "WienerHammerBenchMark": "78a66cd0f0b48de3af72dab60cfe8b460b9fdcf7e1986c6831fadab3aeb4c485",
    "CED": "03be647e47e3f79c11d2a4635eb59f4926b397bf2d2134793df5689da6f5f709",
}
"""Fingerprints (`identity.fingerprint`) of whole records, by folder: their files are checked by content.

They stand where the numbers are known, to 5 significant digits, but not the container they were published in.
"""
