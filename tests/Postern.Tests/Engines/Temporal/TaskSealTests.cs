using Microsoft.Extensions.Logging.Abstractions;
using Postern.Engines.Temporal;
using Postern.Pipeline;
using Postern.Tests.Audit;
using Postern.Tokens;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Tests.Engines.Temporal;

public sealed class TaskSealTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-seal-").FullName;
    private static readonly TaskFacts s_facts = new(TaskKind.Activity, "payments", "refunds");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Open_WhatAnotherGateWithTheSameFolderSealed_SaysTheSame()
    {
        var sealedToken = Sealing().Seal([1, 2, 3], s_facts)!;

        Assert.Equal(s_facts, Sealing().Open(sealedToken, out var length));
        Assert.Equal([1, 2, 3], sealedToken[..length]);
    }

    [Fact]
    public void Open_AKeyThatCameAMomentAgo_IsReadFromTheFolder()
    {
        var time = new ManualTime();
        var first = new TaskSealing(new SealKeys(_folder, time, NullLogger.Instance), "main");
        time.Advance(TimeSpan.FromSeconds(2));
        new SigningKeyFolder(_folder, time, NullLogger.Instance).Create();
        var second = new TaskSealing(new SealKeys(_folder, time, NullLogger.Instance), "main");

        Assert.NotNull(first.Open(second.Seal([1], s_facts), out _));
        Assert.NotNull(second.Open(first.Seal([1], s_facts), out _));
    }

    [Fact]
    public void Open_OfAnotherEngineOrOtherKeys_IsNone()
    {
        var sealedToken = Sealing().Seal([1, 2, 3], s_facts)!;
        var other = Directory.CreateDirectory(Path.Combine(_folder, "other")).FullName;

        Assert.Null(Sealing("second").Open(sealedToken, out var length));
        Assert.Equal(sealedToken.Length, length);
        Assert.Null(new TaskSealing(new SealKeys(other, TimeProvider.System, NullLogger.Instance), "main").Open(sealedToken, out _));
    }

    [Fact]
    public void Open_AnyBitChanged_OrCut_OrWithSomethingBehind_IsNone()
    {
        var sealing = Sealing();
        var sealedToken = sealing.Seal([10, 2, 97, 98], s_facts)!;
        for (var bit = 0; bit < sealedToken.Length * 8; bit++)
        {
            var forged = (byte[])sealedToken.Clone();
            forged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(sealing.Open(forged, out _));
        }

        for (var length = 0; length < sealedToken.Length; length++)
        {
            Assert.Null(sealing.Open(sealedToken.AsSpan(0, length), out _));
            Assert.Null(sealing.Open(sealedToken.AsSpan(length + 1), out _));
        }

        Assert.Null(sealing.Open([.. sealedToken, 0], out _));
    }

    [Fact]
    public void Open_ATokenWithTheSealOfAnother_IsNone()
    {
        var sealing = Sealing();
        var (mine, theirs) = (sealing.Seal([1, 1, 1], s_facts)!, sealing.Seal([2, 2, 2], s_facts with { TaskQueue = "payroll" })!);

        Assert.Null(sealing.Open([.. theirs[..3], .. mine[3..]], out _));
    }

    [Fact]
    public void Open_RandomBytesAndMutations_NeverHoldAndNeverThrow() => Fuzz(20_000);

    [Fact]
    [Trait("Length", "long")]
    public void Open_AMillionRandomBytesAndMutations_NeverHoldAndNeverThrow() => Fuzz(1_000_000);

    private void Fuzz(int cases)
    {
        var random = new Random(20261128);
        var sealing = Sealing();
        var whole = sealing.Seal([10, 36, .. new byte[36]], s_facts)!;
        for (var i = 0; i < cases; i++)
        {
            var bytes = random.Next(2) == 0 ? new byte[random.Next(0, 200)] : (byte[])whole.Clone();
            if (bytes.Length != whole.Length)
            {
                random.NextBytes(bytes);
            }

            for (var edits = random.Next(1, 4); edits > 0 && bytes.Length > 0; edits--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            Assert.True(sealing.Open(bytes, out var length) is null || bytes.AsSpan().SequenceEqual(whole));
            Assert.InRange(length, 0, bytes.Length);
        }
    }

    [Fact]
    public void TaskTokens_OfEveryMethod_StandWhereTheApiHasThem()
    {
        // Written by hand: a newer API that hands out tasks elsewhere is found here.
        var expected = new Dictionary<string, string[]>
        {
            ["PollWorkflowTaskQueue"] = ["task_token"],
            ["PollActivityTaskQueue"] = ["task_token"],
            ["PollNexusTaskQueue"] = ["task_token"],
            ["RespondWorkflowTaskCompleted"] = ["workflow_task.task_token", "activity_tasks[].task_token"],
            ["StartWorkflowExecution"] = ["eager_workflow_task.task_token"],
            ["ExecuteMultiOperation"] = ["responses[].start_workflow.eager_workflow_task.task_token"],
        };
        var found = ServiceReflection.Descriptor.Services.Single().Methods.Select(m => (m.Name, Tasks: TaskTokens.Of(m))).Where(m => m.Tasks is not null).ToDictionary(m => m.Name, m => m.Tasks!.Paths.ToArray());

        Assert.Equal(expected.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}: {string.Join(' ', p.Value)}"), found.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}: {string.Join(' ', p.Value)}"));
    }

    private TaskSealing Sealing(string engine = "main") => new(new SealKeys(_folder, TimeProvider.System, NullLogger.Instance), engine);
}
