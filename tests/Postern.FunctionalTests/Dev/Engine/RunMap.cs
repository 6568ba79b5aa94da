using System.Text;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>
/// Which run of ours stands for which recorded one: the first of a workflow id for the first, and so on. Ids are of one length,
/// so they are exchanged in the bytes of a message wherever they stand.
/// </summary>
internal sealed class RunMap
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly Lock gate = new();
    private readonly Dictionary<string, List<string>> recorded = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> ours = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> workflowOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string?> texts = new(StringComparer.Ordinal);
    private TaskCompletionSource news = New();

    /// <summary>Our ids of namespaces by the recorded ones.</summary>
    public Dictionary<string, string> Namespaces { get; } = new(StringComparer.Ordinal);

    public void NoteRecorded(string workflowId, string runId) => Note(recorded, workflowId, runId, runId.Length > 0 && workflowOf.TryAdd(runId, workflowId));

    public void NoteOurs(string workflowId, string runId)
    {
        lock (gate)
        {
            if (ours.GetValueOrDefault(workflowId)?.Contains(runId) != true)
            {
                Note(ours, workflowId, runId, runId.Length > 0);
                var before = news;
                news = New();
                before.TrySetResult();
            }
        }
    }

    /// <summary>A text that the recorded server made up (a request id, a token): ours stands in its place once it is known.</summary>
    public void NoteRecordedText(string text)
    {
        lock (gate)
        {
            texts.TryAdd(text, null);
        }
    }

    public void NoteOurText(string recordedText, string our)
    {
        Assert.Equal(recordedText.Length, our.Length);
        lock (gate)
        {
            texts[recordedText] = our;
            var before = news;
            news = New();
            before.TrySetResult();
        }
    }

    /// <summary>Our run for a recorded one, as soon as it has been seen.</summary>
    public Task<string> OursAsync(string recordedRun) => OursAsync(recordedRun, Find);

    private async Task<string> OursAsync(string recordedText, Func<string, string?> find)
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (find(recordedText) is { } found)
                {
                    return found;
                }

                wait = news.Task;
            }

            try
            {
                await wait.WaitAsync(Deadline);
            }
            catch (TimeoutException late)
            {
                throw new InvalidOperationException($"Nothing of ours for {workflowOf.GetValueOrDefault(recordedText)} {recordedText}", late);
            }
        }
    }

    /// <summary>A recorded request with our ids in it.</summary>
    public async Task<byte[]> TranslateAsync(byte[] message)
    {
        var text = Encoding.Latin1.GetString(message);
        foreach (var run in workflowOf.Keys.Where(run => text.Contains(run, StringComparison.Ordinal)).ToList())
        {
            text = text.Replace(run, await OursAsync(run), StringComparison.Ordinal);
        }

        foreach (var made in texts.Keys.Where(made => text.Contains(made, StringComparison.Ordinal)).ToList())
        {
            text = text.Replace(made, await OursAsync(made, t => texts[t]), StringComparison.Ordinal);
        }

        return Encoding.Latin1.GetBytes(Namespaced(text));
    }

    /// <summary>A recorded answer with our ids, as far as they are known.</summary>
    public string Translate(string text)
    {
        lock (gate)
        {
            foreach (var run in workflowOf.Keys)
            {
                if (text.Contains(run, StringComparison.Ordinal) && Find(run) is { } known)
                {
                    text = text.Replace(run, known, StringComparison.Ordinal);
                }
            }

            text = Texted(text);
        }

        return Namespaced(text);
    }

    public byte[] Translate(byte[] message) => Encoding.Latin1.GetBytes(Translate(Encoding.Latin1.GetString(message)));

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static void Note(Dictionary<string, List<string>> runs, string workflowId, string runId, bool isNew)
    {
        if (isNew)
        {
            if (!runs.TryGetValue(workflowId, out var list))
            {
                runs.Add(workflowId, list = []);
            }

            list.Add(runId);
        }
    }

    private string Texted(string text) => texts.Aggregate(text, (t, n) => n.Value is null ? t : t.Replace(n.Key, n.Value, StringComparison.Ordinal));

    private string Namespaced(string text) => Namespaces.Aggregate(text, (t, n) => t.Replace(n.Key, n.Value, StringComparison.Ordinal));

    private string? Find(string recordedRun)
    {
        if (!workflowOf.TryGetValue(recordedRun, out var workflowId))
        {
            return null;
        }

        var index = recorded[workflowId].IndexOf(recordedRun);
        return ours.TryGetValue(Texted(workflowId), out var list) && index < list.Count ? list[index] : null;
    }
}
